"""`--redirect-http`: plain HTTP is led to https, on every engine and in every mode, and nothing leads elsewhere."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from access_log_files import lines_of
from arms import Arm
from certificates import Certificate, localhost
from raw_http import Answer, RawClient
from server_process import ServerProcess, StartServer, run_command
from turbo_shard.settings import SettingsError, settings_from
from waiting import TIMEOUT_S, wait_until

PLAIN_LINE = re.compile(r"^ +plain +http://(\S+):(\d+) leads there$", re.MULTILINE)


class PlainEnd:
    """Where a server hears plain HTTP."""

    def __init__(self, server: ServerProcess) -> None:
        found = PLAIN_LINE.search(server.log)
        assert found is not None, server.log
        self.host, self.port = found[1].strip("[]"), int(found[2])

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=TIMEOUT_S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("redirect")
    (folder / "challenges").mkdir()
    (folder / "challenges" / "token").write_text("token.proof")
    return folder


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Certificate:
    return localhost(folder)


@pytest.fixture(scope="module")
def server(arm: Arm, folder: Path, certificate: Certificate) -> Iterator[ServerProcess]:
    options = (
        *(*arm.options, "--shards", "2", "--redirect-http", "0", *certificate.options),
        f"--access-log={folder / '-'.join(arm)}.log",
        *("--access-log-format", "json"),
        *("--static", f"/.well-known/acme-challenge={folder / 'challenges'}"),
    )
    with ServerProcess("asgi_app:app", *options) as server:
        yield server


def asked(server: ServerProcess, *heads: bytes) -> list[Answer]:
    """The answers to these, on one connection."""
    with RawClient(PlainEnd(server)) as client:
        for head in heads:
            client.send(head)
        return [client.answer(head.partition(b" ")[0].decode()) for head in heads]


def location_of(server: ServerProcess, head: bytes) -> str | None:
    return asked(server, head)[0].header("location")


def test_a_client_that_follows_comes_to_the_app_with_its_method_and_body(
    server: ServerProcess, certificate: Certificate
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate.pem))
    url = f"http://localhost:{PlainEnd(server).port}/do/echo?a=%20b&c"
    with httpx.Client(verify=trusting, trust_env=False, timeout=TIMEOUT_S) as client:
        answer = client.post(url, content=b"body", follow_redirects=True)
    assert [one.status_code for one in answer.history] == [308]
    assert str(answer.url) == f"https://localhost:{server.port}/do/echo?a=%20b&c"
    assert answer.content == b"body"


@pytest.mark.parametrize(
    ("head", "led_to"),
    [
        (b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "https://a.example:PORT/"),
        (b"GET /x?y=/z HTTP/1.1\r\nHost: A.example:80\r\n\r\n", "https://A.example:PORT/x?y=/z"),
        (b"HEAD /%0d%0aa:b HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "https://[::1]:PORT/%0d%0aa:b"),
        (b"GET //evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n", "https://a:PORT//evil.example/"),
        (b"GET http://b/q? HTTP/1.1\r\nHost: a\r\n\r\n", "https://b:PORT/q"),
        (b"GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n", "https://b:PORT/?q"),
        (b"DELETE /a HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", "https://127.0.0.1:PORT/a"),
        (b"GET /.well-known/acme-challenge HTTP/1.1\r\nHost: a\r\n\r\n",
         "https://a:PORT/.well-known/acme-challenge"),
    ],
)  # fmt: skip
def test_the_answer_leads_to_the_same_at_https(
    server: ServerProcess, head: bytes, led_to: str
) -> None:
    answer = asked(server, head)[0]
    assert answer.status == 308
    assert answer.header("location") == led_to.replace("PORT", str(server.port))
    assert answer.body == b""


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a%0d%0ab\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a'b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\xe9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:port\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_a_request_without_a_usable_host_is_answered_400(
    server: ServerProcess, head: bytes
) -> None:
    answer = asked(server, head)[0]
    assert (answer.status, answer.header("location")) == (400, None)


def test_a_connection_is_kept_and_each_request_is_logged(
    server: ServerProcess, arm: Arm, folder: Path
) -> None:
    heads = [b"GET /kept/%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(3)]
    assert [answer.status for answer in asked(server, *heads)] == [308] * 3
    log = folder / f"{'-'.join(arm)}.log"

    def statuses() -> list[int] | None:
        lines = [json.loads(line) for line in lines_of(log)]
        kept = [line["status"] for line in lines if line.get("path", "").startswith("/kept/")]
        return kept if len(kept) == len(heads) else None

    assert wait_until(statuses, "the lines") == [308] * 3


def test_what_proves_to_an_authority_that_a_host_is_ours_is_answered_here(
    server: ServerProcess,
) -> None:
    path = b"/.well-known/acme-challenge/"
    head = b" HTTP/1.1\r\nHost: a\r\n\r\n"
    token, other = asked(server, b"GET " + path + b"token" + head, b"GET " + path + b"no" + head)
    assert (token.status, token.body) == (200, b"token.proof")
    assert other.status == 404


def test_the_app_is_not_reached_and_tls_is_refused_in_words(server: ServerProcess) -> None:
    upgrade = (
        b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert asked(server, upgrade)[0].status == 308
    with PlainEnd(server).connect() as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64))
        assert b"400" in client.recv(1000)


def test_a_stop_lets_a_connection_that_waits_go(
    start_server: StartServer, arm: Arm, certificate: Certificate
) -> None:
    options = (*arm.options, "--shards", "1", "--redirect-http", "0", *certificate.options)
    server = start_server("asgi_app:app", *options)
    with PlainEnd(server).connect() as waiting:
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert waiting.recv(4096).startswith(b"HTTP/1.1 308")
        assert server.stop() == 0
        assert waiting.recv(4096) == b""
    with pytest.raises(ConnectionRefusedError):
        PlainEnd(server).connect()


def test_the_port_of_urls_may_be_another_and_443_is_not_written(
    start_server: StartServer, certificate: Certificate
) -> None:
    head = b"GET /a HTTP/1.1\r\nHost: a:80\r\n\r\n"
    for port, led_to in ((443, "https://a/a"), (4443, "https://a:4443/a")):
        for mode in ("shard", "process"):
            options = ("--redirect-http", f"127.0.0.1:0,to={port}", "--mode", mode)
            server = start_server("asgi_app:app", "--shards", "1", *options, *certificate.options)
            assert location_of(server, head) == led_to


def test_a_proxy_names_the_client_first(
    start_server: StartServer, certificate: Certificate, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    options = ("--redirect-http", "0,proxy", f"--access-log={log}", *certificate.options)
    server = start_server("asgi_app:app", "--shards", "1", *options)
    with PlainEnd(server).connect() as client:
        client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\n")
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 308")
    wait_until(lambda: any("192.0.2.1:5000" in line for line in lines_of(log)), "the line")


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"host": "0.0.0.0", "redirect_http": "80"}, "0.0.0.0:80"),
        ({"host": "::1", "redirect_http": "80"}, "[::1]:80"),
        ({"bind": [":443"], "redirect_http": "80"}, "*:80"),
        ({"bind": ["unix:/s", "127.0.0.2:443"], "redirect_http": "80"}, "127.0.0.2:80"),
        ({"bind": ["unix:/s"], "redirect_http": ":80,to=443"}, "*:80,to=443"),
        ({"redirect_http": "[::]:8080, proxy"}, "[::]:8080,proxy"),
    ],
)
def test_a_port_alone_is_at_the_address_of_tls(settings: dict[str, object], place: str) -> None:
    assert settings_from({"ssl_self_signed": True, **settings}).redirect_http == place


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"redirect_http": "80"}, "redirect_http: ssl_certfile is missing"),
        ({"redirect_http": "http", "ssl_self_signed": True}, "the port is missing"),
        ({"redirect_http": "65536", "ssl_self_signed": True}, "not a place to listen"),
        ({"redirect_http": "", "ssl_self_signed": True}, "not a usable text"),
        ({"redirect_http": "80,to=0", "ssl_self_signed": True}, "neither proxy nor to=443"),
        ({"redirect_http": "80,mode=660", "ssl_self_signed": True}, "neither proxy nor to=443"),
        ({"redirect_http": "80,to=1,to=2", "ssl_self_signed": True}, "stands there twice"),
        (
            {"redirect_http": "80", "ssl_self_signed": True, "bind": ["unix:/s"]},
            "no place to listen names an address",
        ),
    ],
)
def test_what_is_no_place_is_refused(settings: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(told)) as refused:
        settings_from(settings)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("mode", ["shard", "process"])
def test_a_port_that_is_taken_ends_the_start_with_one_line(
    certificate: Certificate, mode: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_command(
            *("asgi_app:app", "--mode", mode, "--port", "0", "--redirect-http", str(port)),
            *certificate.options,
            cwd=Path(__file__).parents[1] / "apps",
        )
    assert done.returncode == 2
    assert str(port) in done.stderr
    assert done.stderr.count("\n") == 1
