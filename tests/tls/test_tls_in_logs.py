"""What the access log tells of TLS, in every mode, over both versions of HTTP."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest

from access_log_files import records_of, wait_for_lines
from certificates import Certificate, localhost, self_signed, signed_by
from server_process import StartServer
from waiting import TIMEOUT_S


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logged")


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Certificate:
    return localhost(folder)


def get(port: int, context: ssl.SSLContext, *, http2: bool = False) -> None:
    with httpx.Client(
        verify=context, http1=not http2, http2=http2, trust_env=False, timeout=TIMEOUT_S
    ) as client:
        assert client.get(f"https://localhost:{port}/a").status_code == 200


@pytest.mark.parametrize("mode", ["shard", "steal", "process"])
def test_version_cipher_host_and_client_are_told(
    start_server: StartServer, folder: Path, certificate: Certificate, tmp_path: Path, mode: str
) -> None:
    ca = self_signed(folder, f"ca-{mode}", "DNS:ca")
    own = signed_by(folder, ca, f"known-{mode}", "/C=DE/CN=a client")
    log = tmp_path / "log"
    server = start_server(
        "asgi_app:app",
        *("--mode", mode, "--shards", "1", *certificate.options, f"--access-log={log}"),
        *("--access-log-format", "json", "--ssl-cert-reqs", "optional"),
        *("--ssl-ca-certs", str(ca.pem)),
    )
    unknown = ssl.create_default_context(cafile=str(certificate.pem))
    known = ssl.create_default_context(cafile=str(certificate.pem))
    known.load_cert_chain(own.pem, own.key)
    known.maximum_version = ssl.TLSVersion.TLSv1_2
    known.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    get(server.port, unknown)
    get(server.port, known)
    get(server.port, known, http2=True)
    first, *others = records_of(log, 3)
    assert first["tls_version"] == "TLSv1.3"
    assert first["tls_cipher"].startswith("TLS_")
    assert first["tls_server_name"] == "localhost"
    assert "tls_client" not in first
    assert [one["protocol"] for one in others] == ["HTTP/1.1", "HTTP/2.0"]
    for other in others:
        assert (other["tls_version"], other["tls_client"]) == ("TLSv1.2", "CN=a client,C=DE")
        assert other["tls_cipher"] == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"


def test_atoms_have_apaches_names(
    start_server: StartServer, certificate: Certificate, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    form = "%({SSL_PROTOCOL}x)s %({SSL_TLS_SNI}x)s %({SSL_CLIENT_S_DN}x)s %(s)s"
    server = start_server(
        "asgi_app:app",
        *("--shards", "1", *certificate.options, f"--access-log={log}"),
        *("--access-log-format", form),
    )
    get(server.port, ssl.create_default_context(cafile=str(certificate.pem)))
    assert wait_for_lines(log, 1) == ["TLSv1.3 localhost - 200"]
