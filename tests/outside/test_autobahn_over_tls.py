"""The Autobahn cases over wss, but for those of load. kosoku has no TLS, so a tunnel adds it."""

from __future__ import annotations

import subprocess

import pytest

from certificates import Certificate
from places import ROOT
from server_process import ServerProcess
from tls_tunnel import TlsTunnel

# Of sizes and compression the small ones: the tunnel's own speed is not what is tried.
CASES = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.1.1", "9.2.1", "12.1.1", "13.1.1")
RUN_TIMEOUT_S = 1200


@pytest.mark.timeout(RUN_TIMEOUT_S + 120)
def test_autobahn_passes_over_tls(certificate: Certificate) -> None:
    options = ("--shards", "2", *certificate.options)
    with (
        ServerProcess("websocket_echo_app:app", *options) as server,
        TlsTunnel(server, certificate, "http/1.1") as tunnel,
    ):
        run = subprocess.run(
            [str(ROOT / "scripts" / "autobahn.sh"), f"ws://{tunnel.address}/", *CASES],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
        )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    print(run.stdout.splitlines()[-1])
