"""WSGI apps (PEP 3333) over real sockets: what they get of a request."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from arms import Arm
from raw_http import RawClient
from server_process import ServerProcess

WSGI = ("--interface", "wsgi")


@pytest.fixture
def raw(wsgi_server: ServerProcess) -> Iterator[RawClient]:
    with RawClient(wsgi_server) as raw:
        yield raw


def environ_of(raw: RawClient, request: bytes) -> dict[str, object]:
    answer = raw.send(request).answer()
    assert answer.status == 200
    found: dict[str, object] = json.loads(answer.body)
    return found


def test_every_key_of_the_environ(arm: Arm, wsgi_server: ServerProcess, raw: RawClient) -> None:
    local = raw.socket.getsockname()
    head = (
        b"GET /caf%C3%A9/a%2Fb?x=%20&y HTTP/1.1\r\nHost: example.org:81\r\nAccept: */*\r\n"
        b"Content-Type: text/x-odd\r\nX-Own-Thing: caf\xe9\r\nX-Empty:\r\n\r\n"
    )
    assert environ_of(raw, head) == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9/a/b",
        "QUERY_STRING": "x=%20&y",
        "RAW_URI": "/caf%C3%A9/a%2Fb?x=%20&y",
        "REQUEST_URI": "/caf%C3%A9/a%2Fb?x=%20&y",
        "CONTENT_TYPE": "text/x-odd",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(wsgi_server.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": f"turbo-shard/{version()}",
        "REMOTE_ADDR": local[0],
        "REMOTE_PORT": str(local[1]),
        "HTTP_HOST": "example.org:81",
        "HTTP_ACCEPT": "*/*",
        "HTTP_X_OWN_THING": "caf\xe9",
        "HTTP_X_EMPTY": "",
        "wsgi.version": [1, 0],
        "wsgi.url_scheme": "http",
        "wsgi.input": "BytesIO",
        "wsgi.errors": "ErrorStream",
        "wsgi.multithread": True,
        "wsgi.multiprocess": arm.mode == "process",
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": "type",
    }


def version() -> str:
    import turbo_shard

    return turbo_shard.__version__


def test_repeated_fields_are_joined_and_ambiguous_names_dropped(raw: RawClient) -> None:
    environ = environ_of(
        raw,
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Probe: 1\r\nx-PROBE: 2\r\nX-Other: 3\r\nX_Other: 4\r\nX_Probe: 5\r\n"
        b"Cookie: a=1\r\ncookie: b=2; c=3\r\nProxy: http://evil\r\nTransfer_Encoding: x\r\n\r\n",
    )
    assert environ["HTTP_X_PROBE"] == "1,2"
    assert environ["HTTP_X_OTHER"] == "3"
    assert environ["HTTP_COOKIE"] == "a=1; b=2; c=3"
    assert not {"HTTP_PROXY", "HTTP_TRANSFER_ENCODING", "CONTENT_LENGTH"} & environ.keys()


def test_one_request_leaves_nothing_to_the_next(raw: RawClient) -> None:
    first = environ_of(
        raw,
        b"POST /a?b HTTP/1.1\r\nHost: a\r\nX-Probe: 1\r\nContent-Length: 2\r\nContent-Type: a/b\r\n\r\nhi",
    )
    assert first["CONTENT_LENGTH"] == "2"
    second = environ_of(raw, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert second["QUERY_STRING"] == ""
    assert second["SERVER_PROTOCOL"] == "HTTP/1.0"
    left = {"HTTP_X_PROBE", "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_HOST"} & second.keys()
    assert not left


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/%c0", "/\xc0"),
        ("/%00%ff%", "/\x00\xff%"),
        ("/%zz%4", "/%zz%4"),
        ("//a//", "//a//"),
        ("http://test/abs?q", "/abs"),
        ("http://test", "/"),
    ],
)
def test_paths_are_decoded_bytes(raw: RawClient, target: str, path: str) -> None:
    environ = json.loads(raw.get(target).answer().body)
    assert environ["PATH_INFO"] == path
    assert environ["RAW_URI"] == target


def test_unusual_methods_are_passed_on(raw: RawClient) -> None:
    for method in ["PATCH", "BREW", "TRACE"]:
        assert json.loads(raw.request(method, "/").answer().body)["REQUEST_METHOD"] == method
    assert json.loads(raw.request("OPTIONS", "*").answer().body)["PATH_INFO"] == "*"


@pytest.mark.parametrize(
    ("root", "target", "script_name", "path_info"),
    [
        ("/api", "/api/users", "/api", "/users"),
        ("/api", "/api", "/api", ""),
        ("/api", "/apix", "/api", "/apix"),
        ("/api", "/users", "/api", "/users"),
        ("/b\u00fc", "/b%C3%BC/x", "/b\xc3\xbc", "/x"),
    ],
)
def test_root_path_is_the_script_name(
    start_server, root: str, target: str, script_name: str, path_info: str
) -> None:
    server = start_server("wsgi_app:app", *WSGI, "--shards", "1", "--root-path", root)
    with RawClient(server) as raw:
        environ = json.loads(raw.get(target).answer().body)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script_name, path_info)


@pytest.mark.parametrize(
    ("ways", "read"),
    [
        ("read,read", [b"ab\ncd\n\nef", b""]),
        ("read3,read3,read-1,read3", [b"ab\n", b"cd\n", b"\nef", b""]),
        ("line,line2,line,line,line,line", [b"ab\n", b"cd", b"\n", b"\n", b"ef", b""]),
        ("lines,lines", [[b"ab\n", b"cd\n", b"\n", b"ef"], []]),
        ("lines4,line", [[b"ab\n", b"cd\n"], b"\n"]),
        ("iterate,iterate", [[b"ab\n", b"cd\n", b"\n", b"ef"], []]),
        ("text", ["ab\ncd\n\nef"]),
    ],
)
def test_input_is_read_in_every_way(raw: RawClient, ways: str, read: list[object]) -> None:
    raw.request("POST", f"/input?{ways}", "Content-Length: 9", body=b"ab\ncd\n\nef")
    assert json.loads(raw.answer().body) == repr(read)


def test_chunked_body_has_its_real_length(raw: RawClient) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    environ = environ_of(raw, head + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
    assert environ["CONTENT_LENGTH"] == "5"
    assert "HTTP_TRANSFER_ENCODING" not in environ
    raw.send(head.replace(b" / ", b" /echo ") + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert raw.answer().body == b"abcde"
    assert environ_of(raw, head + b"0\r\n\r\n")["CONTENT_LENGTH"] == "0"


def test_continue_is_sent_for_a_body(raw: RawClient) -> None:
    raw.request("POST", "/echo", "Content-Length: 2", "Expect: 100-continue")
    assert raw.head()[1] == 100
    assert raw.send(b"hi").answer().body == b"hi"


def test_large_body_comes_back(raw: RawClient) -> None:
    body = bytes(range(256)) * 8192
    raw.request("POST", "/echo", f"Content-Length: {len(body)}", body=body)
    assert raw.answer().body == body


def test_body_over_the_limit_gets_413(raw: RawClient) -> None:
    raw.request("POST", "/echo", f"Content-Length: {1024**4}")
    assert raw.answer().status == 413


@pytest.mark.parametrize("path", ["/", "/write", "/generator"])
def test_wsgiref_finds_no_fault(arm: Arm, start_server, path: str) -> None:
    server = start_server("wsgi_app:validated", *WSGI, *arm.options, "--shards", "1")
    with RawClient(server) as raw:
        for body in [b"", b"some", b"x" * 1000]:
            raw.request("POST", path, f"Content-Length: {len(body)}", body=body)
            assert raw.answer().body == (body or b"nothing")
        raw.send(
            b"PUT %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % path.encode()
        )
        assert raw.send(b"2\r\nhi\r\n0\r\n\r\n").answer().body == b"hi"
        assert raw.get(f"{path}?a=b", "Cookie: a=b", "Cookie: c=d").answer().body == b"nothing"
        assert raw.request("HEAD", path).answer("HEAD").status == 200
    assert server.stop() == 0
    assert "Traceback" not in server.log
