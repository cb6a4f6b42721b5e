"""httpwg's cases for RFC 9113, the successor of h2spec: all, on every engine and in every mode, and over TLS."""

from __future__ import annotations

import re
from contextlib import ExitStack

from certificates import Certificate
from outside_tools import run_tool
from server_process import ServerProcess
from tls_tunnel import TlsTunnel

CASES = 107
"""Of httpwg 0.2.7, which httpwg-cli 0.2.5 has."""
# Of one frame, in ms. No case waits for it to pass.
FRAME_TIMEOUT = "10000"
_PASSED = re.compile(r"Passed (\d+)/(\d+) tests")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def test_every_case_passes(site_of_arm: ServerProcess, certificate: Certificate) -> None:
    with ExitStack() as stack:
        address = f"{site_of_arm.host}:{site_of_arm.port}"
        if site_of_arm.url.startswith("https"):
            address = stack.enter_context(TlsTunnel(site_of_arm, certificate, "h2")).address
        times = ("--connect-timeout", FRAME_TIMEOUT, "--frame-timeout", FRAME_TIMEOUT)
        run = run_tool("httpwg", "--address", address, *times, RUST_LOG="off")
    said = _COLOUR.sub("", run.stdout)
    assert run.returncode == 0, said
    passed = _PASSED.search(said)
    assert passed and [int(count) for count in passed.groups()] == [CASES, CASES], said
