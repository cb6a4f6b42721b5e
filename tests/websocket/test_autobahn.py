"""The Autobahn cases against the real server: all of them on shards, and the quick ones on the other arms.

The protocol is the same everywhere; an arm could only break how bytes and messages get there.
"""

from __future__ import annotations

import subprocess

import pytest

from arms import Arm
from places import ROOT
from server_process import ServerProcess

# Frames, pings, reserved bits, opcodes, fragments, UTF-8, the close handshake; of sizes and compression the small ones.
QUICK_CASES = [
    "1.*",
    "2.*",
    "3.*",
    "4.*",
    "5.*",
    "6.*",
    "7.*",
    "9.1.1",
    "9.2.1",
    "12.1.1",
    "13.1.1",
]
RUN_TIMEOUT_S = 1200


@pytest.mark.timeout(RUN_TIMEOUT_S + 120)
def test_every_autobahn_case_passes(arm: Arm) -> None:
    cases = [] if arm.options == ("--mode", "shard", "--engine", "tokio") else QUICK_CASES
    with ServerProcess("websocket_echo_app:app", *arm.options) as server:
        url = server.url.replace("http://", "ws://")
        run = subprocess.run(
            [str(ROOT / "scripts" / "autobahn.sh"), f"{url}/", *cases],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
        )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    print(run.stdout.splitlines()[-1])
