"""TLS on each engine and in each mode, for each interface, as Python's ssl, httpx and curl see it."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect as connect_websocket

from arms import Arm
from certificates import Certificate, localhost, self_signed
from raw_http import RawClient
from server_process import ServerProcess, StartServer
from waiting import TIMEOUT_S, wait_until

INTERFACES = [("asgi", "asgi"), ("wsgi", "wsgi"), ("native", "native")]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return localhost(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def trusting(certificate: Certificate) -> ssl.SSLContext:
    """As a client that trusts the server."""
    context = ssl.create_default_context(cafile=str(certificate.pem))
    context.set_alpn_protocols(["http/1.1"])
    return context


@pytest.fixture(scope="module")
def secured(arm: Arm, certificate: Certificate) -> Iterator[ServerProcess]:
    options = (*arm.options, "--shards", "1", *certificate.options)
    with ServerProcess("forwarded_app:asgi", *options) as server:
        yield server


@pytest.fixture(scope="module")
def echo(arm: Arm, certificate: Certificate) -> Iterator[ServerProcess]:
    options = (*arm.options, "--shards", "1", *certificate.options)
    with ServerProcess("asgi_app:app", *options) as server:
        yield server


def tls_to(server: ServerProcess, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection((server.host, server.port), timeout=TIMEOUT_S)
    return context.wrap_socket(plain, server_hostname="localhost")


def test_a_request_is_told_that_it_is_https(
    secured: ServerProcess, trusting: ssl.SSLContext
) -> None:
    assert secured.url.startswith("https://")
    answer = httpx.get(f"{secured.url}/told", verify=trusting, timeout=TIMEOUT_S)
    told = answer.json()
    assert answer.http_version == "HTTP/1.1"
    assert told["scheme"] == "https"
    assert told["server"][1] == secured.port


@pytest.mark.parametrize(("version", "name"), [("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")])
def test_both_versions_are_spoken_and_what_is_spoken_over_them_is_agreed_on(
    secured: ServerProcess, certificate: Certificate, version: str, name: str
) -> None:
    context = ssl.create_default_context(cafile=str(certificate.pem))
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.set_alpn_protocols(["http/1.1"])
    with tls_to(secured, context) as client:
        assert client.version() == name
        assert client.selected_alpn_protocol() == "http/1.1"


def test_http2_is_what_a_client_that_knows_it_gets(
    secured: ServerProcess, trusting: ssl.SSLContext
) -> None:
    with httpx.Client(
        base_url=secured.url, http2=True, verify=trusting, timeout=TIMEOUT_S
    ) as client:
        for _ in range(3):
            answer = client.get("/told")
            assert (answer.http_version, answer.json()["scheme"]) == ("HTTP/2", "https")


def test_where_http2_is_off_it_is_not_offered(
    arm: Arm, certificate: Certificate, trusting: ssl.SSLContext
) -> None:
    options = (*arm.options, "--shards", "1", "--no-http2", *certificate.options)
    with (
        ServerProcess("forwarded_app:asgi", *options) as server,
        httpx.Client(http2=True, verify=trusting, timeout=TIMEOUT_S) as client,
    ):
        assert client.get(f"{server.url}/told").http_version == "HTTP/1.1"


def test_a_version_that_is_not_safe_is_not_spoken(
    secured: ServerProcess, certificate: Certificate
) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{secured.port}", "-tls1_1"]
    said = subprocess.run(
        [*command, "-cipher", "DEFAULT@SECLEVEL=0"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert said.returncode != 0
    assert "SSL alert number" in said.stderr


def test_a_client_that_trusts_nobody_is_named_in_the_log(secured: ServerProcess) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        tls_to(secured, ssl.create_default_context())
    told = "its TLS handshake has failed: it does not trust the certificate"
    wait_until(lambda: told in secured.log, "the log line")


def test_a_plain_request_is_answered_400_in_plain_words(secured: ServerProcess) -> None:
    with RawClient(secured) as raw:
        answer = raw.get("/").answer()
    assert answer.status == 400
    assert "this port speaks TLS" in answer.body.decode()
    assert answer.header("connection") == "close"
    wait_until(lambda: "was refused: this looks like plain HTTP" in secured.log, "the log line")


def test_bodies_come_whole_both_ways(echo: ServerProcess, trusting: ssl.SSLContext) -> None:
    body = bytes(range(256)) * 12_000
    with httpx.Client(base_url=echo.url, verify=trusting, timeout=TIMEOUT_S) as client:
        for sent in (b"", b"x", body):
            assert client.post("/do/echo", content=sent).content == sent


def test_an_answer_that_ends_the_connection_is_followed_by_close_notify(
    secured: ServerProcess, trusting: ssl.SSLContext
) -> None:
    with tls_to(secured, trusting) as client:
        # Python then raises where the end comes without it.
        client.suppress_ragged_eofs = False
        client.sendall(b"GET /told HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := client.recv(65_536):
            received += piece
    assert json.loads(received.partition(b"\r\n\r\n")[2])["scheme"] == "https"


def test_a_websocket_is_wss(secured: ServerProcess, trusting: ssl.SSLContext) -> None:
    url = f"wss://127.0.0.1:{secured.port}/told"
    with connect_websocket(url, ssl=trusting, open_timeout=TIMEOUT_S) as socket_:
        told: dict[str, Any] = json.loads(socket_.recv(timeout=TIMEOUT_S))
    assert told["scheme"] == "wss"


@pytest.mark.parametrize(("app", "interface"), INTERFACES)
def test_every_interface_is_told_the_scheme(
    start_server: StartServer,
    certificate: Certificate,
    trusting: ssl.SSLContext,
    app: str,
    interface: str,
) -> None:
    server = start_server(
        f"forwarded_app:{app}", "--interface", interface, "--shards", "1", *certificate.options
    )
    answer = httpx.get(f"{server.url}/told", verify=trusting, timeout=TIMEOUT_S)
    assert answer.json()["scheme"] == "https"


def test_a_client_gets_the_certificate_for_the_host_that_it_asks_for(
    start_server: StartServer, certificate: Certificate, tmp_path: Path
) -> None:
    other = self_signed(tmp_path, "other", "DNS:other.example", "DNS:*.wild.example")
    server = start_server(
        "forwarded_app:asgi", "--shards", "1", *certificate.options, *other.options
    )
    context = ssl.create_default_context(cafile=str(certificate.pem))
    context.load_verify_locations(str(other.pem))
    context.check_hostname = False
    names = {}
    for host in ("localhost", "OTHER.example", "a.wild.example", "a.b.wild.example", "nobody"):
        plain = socket.create_connection((server.host, server.port), timeout=TIMEOUT_S)
        with context.wrap_socket(plain, server_hostname=host) as client:
            shown = client.getpeercert()
            assert shown is not None
            names[host] = shown["subject"][0][0][1]
    assert names == {
        "localhost": "localhost",
        "OTHER.example": "other",
        "a.wild.example": "other",
        "a.b.wild.example": "localhost",
        "nobody": "localhost",
    }


def test_a_proxy_names_the_client_before_the_handshake(
    start_server: StartServer, certificate: Certificate, trusting: ssl.SSLContext
) -> None:
    server = start_server(
        "forwarded_app:asgi", "--shards", "1", *certificate.options, "--bind", "127.0.0.1:0,proxy"
    )
    plain = socket.create_connection((server.host, server.port), timeout=TIMEOUT_S)
    plain.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 56789 443\r\n")
    with trusting.wrap_socket(plain, server_hostname="localhost") as client:
        client.sendall(b"GET /told HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := client.recv(65_536):
            received += piece
    told = json.loads(received.partition(b"\r\n\r\n")[2])
    assert told["client"] == ["192.0.2.1", 56789]
    assert told["scheme"] == "https"


def test_a_unix_socket_speaks_it_too(
    start_server: StartServer, certificate: Certificate, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    server = start_server(
        "forwarded_app:asgi",
        *("--shards", "1", "--bind", f"unix:{tmp_path}/s", *certificate.options),
    )
    plain = socket.socket(socket.AF_UNIX)
    plain.settimeout(TIMEOUT_S)
    plain.connect(server.path)
    with (
        plain,
        trusting.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        client.sendall(b"GET /told HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b'"scheme": "https"' in client.recv(65_536)


def test_a_handshake_that_is_not_over_in_time_ends(
    start_server: StartServer, certificate: Certificate
) -> None:
    server = start_server(
        "forwarded_app:asgi",
        *("--shards", "1", "--ssl-handshake-timeout", "0.2", *certificate.options),
    )
    with server.connect() as silent:
        silent.sendall(b"\x16\x03\x01")
        assert silent.recv(100) == b""
    told = "its TLS handshake was not over in time; --ssl-handshake-timeout is 0.2 s"
    wait_until(lambda: told in server.log, "the log line")
