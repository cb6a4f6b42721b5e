"""Certificates of clients: who is let in, and what apps are told of them."""

from __future__ import annotations

import ast
import json
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from certificates import Certificate, localhost, revoked_by, self_signed, signed_by
from server_process import ServerProcess, StartServer
from waiting import TIMEOUT_S, wait_until

SUBJECT = "/C=DE/O=Acme/CN=a client"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Certificate:
    return localhost(folder)


@pytest.fixture(scope="module")
def ca(folder: Path) -> Certificate:
    return self_signed(folder, "ca", "DNS:ca")


@pytest.fixture(scope="module")
def known(folder: Path, ca: Certificate) -> Certificate:
    return signed_by(folder, ca, "known", SUBJECT)


def context_of(certificate: Certificate, own: Certificate | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate.pem))
    if own is not None:
        context.load_cert_chain(own.pem, own.key)
    return context


def is_served(server: ServerProcess, context: ssl.SSLContext) -> bool:
    """With TLS 1.3 a client hears only after its handshake that it is refused."""
    plain = socket.create_connection((server.host, server.port), timeout=TIMEOUT_S)
    with context.wrap_socket(plain, server_hostname="localhost") as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try:
            return client.recv(1000).startswith(b"HTTP/1.1 200")
        except (ssl.SSLError, ConnectionError):
            return False


def test_who_is_let_in(
    start_server: StartServer,
    folder: Path,
    certificate: Certificate,
    ca: Certificate,
    known: Certificate,
) -> None:
    stranger = self_signed(folder, "stranger", "DNS:stranger")
    expected = {"required": [True, False, False], "optional": [True, False, True]}
    for asked, served in expected.items():
        server = start_server(
            "asgi_app:app",
            *("--shards", "1", *certificate.options),
            *("--ssl-cert-reqs", asked, "--ssl-ca-certs", str(ca.pem)),
        )
        clients = (known, stranger, None)
        assert [is_served(server, context_of(certificate, own)) for own in clients] == served


def test_who_was_revoked_is_not_let_in(
    start_server: StartServer, folder: Path, certificate: Certificate, ca: Certificate
) -> None:
    revoked = signed_by(folder, ca, "revoked", "/CN=revoked")
    server = start_server(
        "asgi_app:app",
        *("--shards", "1", *certificate.options, "--ssl-cert-reqs", "required"),
        *("--ssl-ca-certs", str(ca.pem), "--ssl-crl", str(revoked_by(folder, ca, revoked))),
    )
    assert not is_served(server, context_of(certificate, revoked))
    wait_until(lambda: "Revoked" in server.log, "the log line")


def test_an_asgi_app_is_told_of_both_certificates(
    start_server: StartServer, certificate: Certificate, ca: Certificate, known: Certificate
) -> None:
    server = start_server(
        "asgi_app:app",
        *("--shards", "1", *certificate.options),
        *("--ssl-cert-reqs", "optional", "--ssl-ca-certs", str(ca.pem)),
    )
    told = {}
    for own in (known, None):
        context = context_of(certificate, own)
        answer = httpx.get(f"{server.url}/scope", verify=context, timeout=TIMEOUT_S)
        told[own] = ast.literal_eval(answer.text)["extensions"]["tls"]
    assert told[known] == {
        "server_cert": certificate.pem.read_text(),
        "client_cert_chain": (known.pem.read_text(),),
        "client_cert_name": "CN=a client,O=Acme,C=DE",
        "client_cert_error": None,
        "tls_version": 0x0304,
        "cipher_suite": told[known]["cipher_suite"],
    }
    assert told[known]["cipher_suite"] in (0x1301, 0x1302, 0x1303)
    assert told[None] == told[known] | {"client_cert_chain": (), "client_cert_name": None}


@pytest.mark.parametrize("http2", [False, True])
def test_what_an_asgi_app_is_told_is_made_once_for_a_connection_and_each_request_has_its_own(
    start_server: StartServer, certificate: Certificate, *, http2: bool
) -> None:
    server = start_server("asgi_app:app", "--shards", "1", *certificate.options)
    context = context_of(certificate, None)
    seen = []
    for _ in range(2):
        with httpx.Client(
            base_url=server.url, verify=context, http2=http2, timeout=TIMEOUT_S
        ) as client:
            seen += [ast.literal_eval(client.get("/do/see-certificate").text) for _ in range(3)]
            before = client.get("/scope").text
            assert client.get("/do/change-scope").status_code == 200
            told = [ast.literal_eval(text) for text in (before, client.get("/scope").text)]
            assert told[0]["extensions"] == told[1]["extensions"]
    assert seen == [False, True, True] * 2


def test_a_wsgi_app_is_told_as_mod_ssl_tells_it(
    start_server: StartServer, certificate: Certificate, ca: Certificate, known: Certificate
) -> None:
    server = start_server(
        "tls_wsgi_app:app",
        *("--shards", "1", *certificate.options),
        *("--ssl-cert-reqs", "optional", "--ssl-ca-certs", str(ca.pem)),
    )
    told = {}
    for own in (known, None):
        context = context_of(certificate, own)
        answer = httpx.get(server.url, verify=context, timeout=TIMEOUT_S)
        told[own] = json.loads(answer.text)
    common = {"HTTPS": "on", "SSL_PROTOCOL": "TLSv1.3"}
    assert told[None] == common | {"SSL_CLIENT_VERIFY": "NONE"}
    assert told[known] == common | {
        "SSL_CLIENT_VERIFY": "SUCCESS",
        "SSL_CLIENT_S_DN": "CN=a client,O=Acme,C=DE",
        "SSL_CLIENT_CERT": known.pem.read_text(),
    }
