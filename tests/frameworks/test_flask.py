"""Flask over real sockets on every arm: routes, forms, uploads, sessions, hooks, streams and their close()."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from arms import Arm
from framework_server import Marks, framework_server
from places import APPS
from raw_http import CutShort, RawClient
from server_process import ServerProcess
from waiting import wait_until


@pytest.fixture(scope="module")
def server(arm: Arm, marks: Marks) -> Iterator[ServerProcess]:
    with framework_server("flask_app:app", arm.options, marks, "wsgi") as server:
        yield server


@pytest.fixture
def browser(server: ServerProcess) -> Iterator[httpx.Client]:
    """Cookies of its own."""
    with server.client() as client:
        yield client


def test_routes_are_found_and_arguments_converted(browser: httpx.Client) -> None:
    assert browser.get("/").text == "Flask"
    assert browser.get("/items/7?tag=a&tag=b").json() == {
        "item_id": 7,
        "tags": ["a", "b"],
        "body": None,
    }
    assert browser.put("/items/7", json={"a": "ü"}).json()["body"] == {"a": "ü"}
    assert browser.get("/items/x").status_code == 404
    assert browser.post("/items/7").status_code == 405
    allowed = browser.options("/items/7").headers["allow"].split(", ")
    assert set(allowed) == {"GET", "HEAD", "OPTIONS", "PUT"}


def test_path_is_decoded_and_built_again(server: ServerProcess, browser: httpx.Client) -> None:
    answer = browser.get("/paths/a%20b/%C3%A9?x=%20").json()
    assert (answer["path"], answer["query"]) == ("a b/é", "x=%20")
    assert answer["here"] == f"{server.url}/paths/a%20b/%C3%A9"


def test_environ_is_complete(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        lines = ["X-One: 1", "X-One: 2", "Content-Type: x/y", "X_Under: spoofed"]
        answer = raw.get("/environ?a=1", *lines).answer()
        own_port = raw.socket.getsockname()[1]
    environ = httpx.Response(200, content=answer.body).json()
    expected = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/environ",
        "QUERY_STRING": "a=1",
        "SERVER_PORT": str(server.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "x/y",
        "HTTP_HOST": "test",
        "HTTP_X_ONE": "1,2",
        "wsgi.url_scheme": server.scheme,
        "multithread": True,
    }
    found = {name: environ.get(name) for name in expected}
    found["HTTP_X_ONE"] = str(found["HTTP_X_ONE"]).replace(", ", ",")
    assert found == expected
    assert environ.get("REMOTE_PORT", str(own_port)) == str(own_port)
    # An underscore would come out as a dash does.
    assert "HTTP_X_UNDER" not in environ


def test_hooks_run_around_each_request(browser: httpx.Client) -> None:
    assert browser.get("/", headers={"X-Tag": "t"}).headers["x-tag"] == "t"
    assert browser.get("/").headers["x-tag"] == "none"
    blocked = browser.get("/", headers={"X-Blocked": "1"})
    assert (blocked.status_code, blocked.text) == (403, "blocked before it began")


def test_teardown_sees_the_error(browser: httpx.Client, marks: Marks) -> None:
    assert browser.get("/", headers={"X-Teardown": "calm"}).status_code == 200
    marks.wait_for("calm-NoneType")
    assert browser.get("/crash", headers={"X-Teardown": "stormy"}).status_code == 500
    marks.wait_for("stormy-RuntimeError")


def test_form_session_and_flash(server: ServerProcess, browser: httpx.Client) -> None:
    posted = browser.post("/form", data={"name": ["Ada", "Änne"]})
    assert (posted.status_code, posted.headers["location"]) == (303, "/names")
    assert browser.get("/names").json() == {"names": ["Ada", "Änne"], "said": ["thanks, Ada"]}
    assert browser.get("/names").json() == {"names": ["Ada", "Änne"], "said": []}
    with server.client() as stranger:
        assert stranger.get("/names").json() == {"names": [], "said": []}


def test_template_is_rendered_and_escaped(browser: httpx.Client) -> None:
    answer = browser.get("/hello/<b>", headers={"X-Tag": "x"})
    assert answer.text == "<p>Hello &lt;b&gt;, x</p>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_files_are_uploaded(browser: httpx.Client) -> None:
    small, large = random.Random(1).randbytes(100), random.Random(2).randbytes(5_000_000)
    answer = browser.post(
        "/upload",
        data={"title": "two"},
        files=[("files", ("ä.bin", small)), ("files", ("large.bin", large))],
    )
    assert answer.json() == {
        "title": "two",
        "files": [
            ["ä.bin", 100, hashlib.sha256(small).hexdigest()],
            ["large.bin", 5_000_000, hashlib.sha256(large).hexdigest()],
        ],
    }


def test_body_beyond_the_apps_limit_is_413(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        raw.request("POST", "/upload", "Content-Type: multipart/form-data; boundary=b")
        assert raw.answer().status == 400
    with RawClient(server) as raw:
        # Within the server's limit, so the app itself refuses it.
        body = bytes(20_000_000)
        lines = [
            "Content-Type: multipart/form-data; boundary=b",
            f"Content-Length: {len(body)}",
        ]
        assert raw.request("POST", "/upload", *lines, body=body).answer().status == 413


@pytest.mark.parametrize("kind", ["length", "chunks"])
def test_body_is_read_in_pieces(browser: httpx.Client, kind: str) -> None:
    body = random.Random(5).randbytes(3_000_000)
    pieces = (body[start : start + 70_001] for start in range(0, len(body), 70_001))
    answer = browser.post("/digest", content=body if kind == "length" else pieces)
    assert answer.json() == {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_answer_without_reading_the_body_is_an_answer(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        answer = raw.request("POST", "/unread", "Content-Length: 100", body=b"x" * 100).answer()
        assert (answer.status, answer.body) == (200, b"not interested")


def test_cookies_are_set_side_by_side(browser: httpx.Client) -> None:
    answer = browser.get("/cookies", headers={"Cookie": "b=2; c=3"})
    assert answer.headers.get_list("set-cookie") == ["a=1; HttpOnly; Path=/", "b=2; Path=/"]


def test_streamed_line_leaves_before_the_next_is_made(server: ServerProcess, marks: Marks) -> None:
    with RawClient(server) as raw:
        _version, status, headers = raw.get("/lines/go?who=ada").head()
        assert (status, dict(headers)["transfer-encoding"]) == (200, "chunked")
        assert raw.chunk() == b"first for ada\n"
        marks.leave("go")
        assert raw.chunk() == b"second\n"
        assert raw.chunk() is None
        assert raw.get("/").answer().body == b"Flask"


def test_stream_with_a_length_of_its_own(server: ServerProcess, marks: Marks) -> None:
    with RawClient(server) as raw:
        answer = raw.get("/finite/short").answer()
        assert (answer.body, answer.header("transfer-encoding")) == (b"ab", None)
    marks.wait_for("short-closed")


def test_endless_stream_is_closed_when_the_client_leaves(
    server: ServerProcess, marks: Marks
) -> None:
    with RawClient(server) as raw:
        raw.get("/ticks/feed").head()
        assert (raw.chunk() or b"").startswith(b"tick")
        assert not marks.is_left("feed-closed")
    marks.wait_for("feed-closed")


def test_stream_that_breaks_is_cut_and_closed(server: ServerProcess, marks: Marks) -> None:
    with RawClient(server) as raw, pytest.raises((CutShort, ConnectionResetError)):
        raw.get("/breaks/torn").answer()
    marks.wait_for("torn-closed")


def test_head_has_no_body_and_closes_the_stream(server: ServerProcess, marks: Marks) -> None:
    with RawClient(server) as raw:
        assert raw.request("HEAD", "/finite/head").answer("HEAD").header("content-length") == "2"
        assert raw.get("/").answer().body == b"Flask"
    marks.wait_for("head-closed")


def test_file_is_sent_whole_and_in_part(browser: httpx.Client) -> None:
    source = (APPS / "flask_app.py").read_bytes()
    whole = browser.get("/file")
    assert whole.content == source
    assert int(whole.headers["content-length"]) == len(source)
    part = browser.get("/file", headers={"Range": "bytes=3-12"})
    assert (part.status_code, part.content) == (206, source[3:13])
    unchanged = browser.get("/file", headers={"If-None-Match": whole.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert browser.get("/memory").content == b"from memory"


def test_errors_are_answered_as_the_app_wants(server: ServerProcess, browser: httpx.Client) -> None:
    stock = browser.get("/stock")
    assert (stock.status_code, stock.json()) == (409, {"error": "no keys left"})
    assert browser.get("/abort/418").json() == {"code": 418, "name": "I'm a teapot"}
    assert browser.get("/nowhere").json() == {"code": 404, "name": "Not Found"}
    assert browser.get("/crash").json() == {"code": 500, "name": "Internal Server Error"}
    wait_until(lambda: "crashed on purpose" in server.log, "the traceback in the log")


def test_blocked_views_hold_nobody_up_and_keep_their_context(
    server: ServerProcess, browser: httpx.Client, marks: Marks
) -> None:
    def ask(tag: str) -> str:
        return server.get("/blocked/jam", {"X-Tag": tag}).text

    tags = ["one", "two", "three"]
    with ThreadPoolExecutor(3) as pool:
        blocked = [pool.submit(ask, tag) for tag in tags]
        wait_until(lambda: marks.count("jam-") == 3, "three views in their threads")
        assert browser.get("/").text == "Flask"
        assert not any(answer.done() for answer in blocked)
        marks.leave("go-jam")
        assert [answer.result() for answer in blocked] == tags


def test_view_may_run_a_loop_of_its_own(browser: httpx.Client) -> None:
    assert browser.get("/admin/loop").json() == {"loop": "ran", "blueprint": "admin"}
