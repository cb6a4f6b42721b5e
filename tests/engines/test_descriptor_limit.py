"""Clients hold all descriptors that a server may have: it logs that, but not all day, and goes on when some are
free."""

from __future__ import annotations

import resource
import time
from contextlib import ExitStack

import pytest

from arms import engine_faults
from raw_http import RawClient
from server_process import ServerProcess
from turbo_shard._native import probe_engines
from waiting import wait_until

DESCRIPTORS = 96
ARMS = [("shard", probe["name"]) for probe in probe_engines()] + [("steal", "tokio")]
COMPLAINT = "a connection could not be accepted"


def limit_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


@pytest.mark.parametrize(("mode", "engine"), ARMS, ids=[" ".join(arm) for arm in ARMS])
def test_accepts_that_fail_are_logged_now_and_then(mode: str, engine: str) -> None:
    if fault := engine_faults().get(engine):
        pytest.skip(f"{engine} does not work here: {fault}")
    options = ("--engine", engine, "--mode", mode, "--shards", "1")
    with ServerProcess("probe_app:app", *options, prepare=limit_descriptors) as server:
        with ExitStack() as stack:
            clients = [stack.enter_context(RawClient(server)) for _ in range(DESCRIPTORS)]
            wait_until(lambda: COMPLAINT in server.log, "an accept that fails")
            # The server tries to accept again and again meanwhile.
            until = time.monotonic() + 1
            while time.monotonic() < until:
                assert clients[0].get("/who").answer().status == 200
            # Once each ten seconds; a busy machine may take longer for all this.
            assert server.log.count(COMPLAINT) <= 3
        with RawClient(server) as raw:
            assert raw.get("/who").answer().status == 200
