"""curl: each version of HTTP that it knows, by each way to agree on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.clients_app import pattern
from certificates import Certificate
from server_process import ServerProcess
from unpacked_programs import UnpackedPrograms

# Each option, the version of the request, and that of its answer. Without TLS, `--http2` asks for an upgrade, which the
# server does not know: RFC 9113 section 3.1 has it deprecated.
WAYS = {
    "http": [
        ("--http1.0", "1.0", "1.1"),
        ("--http1.1", "1.1", "1.1"),
        ("--http2", "1.1", "1.1"),
        ("--http2-prior-knowledge", "2", "2"),
    ],
    "https": [
        ("--http1.0", "1.0", "1.1"),
        ("--http1.1", "1.1", "1.1"),
        ("--http2", "2", "2"),
        ("--http2-prior-knowledge", "2", "2"),
    ],
}


@pytest.fixture
def curl(clients: UnpackedPrograms, certificate: Certificate) -> tuple[UnpackedPrograms, str]:
    return clients, str(certificate.pem)


def said_by(curl: tuple[UnpackedPrograms, str], *arguments: str) -> str:
    programs, trusted = curl
    run = programs.run("curl", "--silent", "--show-error", "--cacert", trusted, *arguments)
    assert run.returncode == 0, run.stdout
    return run.stdout


def test_each_version_is_agreed_on(curl: tuple[UnpackedPrograms, str], site: ServerProcess) -> None:
    scheme = site.url.partition(":")[0]
    for option, version, answered in WAYS[scheme]:
        shown = ("--write-out", " %{http_version} %{http_code}")
        said = said_by(curl, option, *shown, f"{site.url}/told")
        assert said == f"GET {scheme} {version} {answered} 200", option


@pytest.mark.parametrize("option", ["--http1.1", "--http2-prior-knowledge"])
def test_uploads_and_downloads_come_whole(
    curl: tuple[UnpackedPrograms, str], site: ServerProcess, tmp_path: Path, option: str
) -> None:
    for size in (1, 2_000_000):
        sent, got = tmp_path / "sent", tmp_path / "got"
        sent.write_bytes(pattern(size))
        # The second one tells no length, and waits to be asked for its body.
        upload = ("--upload-file", str(sent), "--header", "Transfer-Encoding: chunked")
        for how in (("--data-binary", f"@{sent}"), (*upload, "--header", "Expect: 100-continue")):
            said_by(curl, option, *how, "--output", str(got), f"{site.url}/echo")
            assert got.read_bytes() == pattern(size)
            got.unlink()
    # Not in chunks: curl 7.88.1 then never says that an empty file has ended.
    (tmp_path / "empty").touch()
    empty = ("--upload-file", str(tmp_path / "empty"))
    assert said_by(curl, option, *empty, f"{site.url}/echo") == ""


def test_fifty_at_once_share_a_connection(
    curl: tuple[UnpackedPrograms, str], secure_site: ServerProcess
) -> None:
    options = ("--http2", "--parallel", "--parallel-max", "50", "--no-progress-meter")
    shown = (
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code} %{http_version} %{num_connects}\n",
    )
    said = said_by(curl, *options, *shown, f"{secure_site.url}/bytes/[1000-1049]")
    lines = [line for line in said.splitlines() if line.startswith("200 ")]
    assert len(lines) == 50
    assert {line.rpartition(" ")[0] for line in lines} == {"200 2"}
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == 1


def test_each_version_of_tls_that_is_safe(
    curl: tuple[UnpackedPrograms, str], secure_site: ServerProcess
) -> None:
    for version in ("1.2", "1.3"):
        options = (f"--tlsv{version}", "--tls-max", version)
        assert said_by(curl, *options, f"{secure_site.url}/told") == "GET https 2"
    # The certificate's key is on a curve, so these are all that version 1.2 has here.
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"):
        options = ("--tls-max", "1.2", "--ciphers", f"ECDHE-ECDSA-{cipher}")
        assert said_by(curl, *options, f"{secure_site.url}/told") == "GET https 2"
