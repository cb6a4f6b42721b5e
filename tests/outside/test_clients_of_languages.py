"""HTTP clients of Python, Node and Go: each program checks what it is answered, and fails where that is wrong."""

from __future__ import annotations

from pathlib import Path

from certificates import Certificate
from outside_tools import run_tool
from server_process import ServerProcess

PROGRAMS = Path(__file__).with_name("programs")


def arguments(site: ServerProcess, certificate: Certificate) -> list[str]:
    return [site.url, *([str(certificate.pem)] if site.url.startswith("https") else [])]


def test_httpx_and_aiohttp(site: ServerProcess, certificate: Certificate) -> None:
    program = str(PROGRAMS / "python_clients.py")
    run = run_tool("python", program, *arguments(site, certificate))
    assert run.returncode == 0, run.stdout


def test_node(site: ServerProcess, certificate: Certificate) -> None:
    program = str(PROGRAMS / "node_client.mjs")
    run = run_tool("node", program, *arguments(site, certificate))
    assert run.returncode == 0, run.stdout


def test_go(secure_site: ServerProcess, certificate: Certificate, tmp_path: Path) -> None:
    own = {
        "GOCACHE": str(tmp_path / "cache"),
        "GOPATH": str(tmp_path / "path"),
        "GO111MODULE": "off",
    }
    program = str(PROGRAMS / "go_client.go")
    run = run_tool(
        "go", "run", program, *arguments(secure_site, certificate), CGO_ENABLED="0", **own
    )
    assert run.returncode == 0, run.stdout
