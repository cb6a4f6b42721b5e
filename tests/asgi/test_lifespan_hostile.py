"""Lifespans that hang, exit or ask for more than there is: the server neither waits for ever nor dies of it."""

from __future__ import annotations

import signal

from arms import Arm
from raw_http import RawClient
from server_process import ServerProcess
from waiting import wait_until


def server_of(arm: Arm, act: str, graceful_timeout_s: int) -> ServerProcess:
    timeout = ("--graceful-timeout", str(graceful_timeout_s))
    return ServerProcess(
        *("hostile_lifespan_app:app", *arm.options, "--shards", "1", *timeout),
        variables={"LIFESPAN_ACT": act},
    )


def test_a_start_that_hangs_can_be_stopped(arm: Arm) -> None:
    # More than the test waits: a server that was never ready owes no graceful time.
    server = server_of(arm, "start-hangs", 300)
    server.launch()
    wait_until(lambda: "app: starts" in server.lines, "the app's start")
    server.signal(signal.SIGTERM)
    assert server.wait() == 143, server.log


def test_a_start_that_exits_is_one_that_failed(arm: Arm) -> None:
    server = server_of(arm, "start-exits", 0)
    server.launch()
    assert server.wait() == 3, server.log
    assert "SystemExit: nothing to serve" in server.lines[-1]


def test_a_stop_that_exits_is_logged(arm: Arm) -> None:
    with server_of(arm, "stop-exits", 10) as server:
        pass
    assert "SystemExit: on purpose" in server.lines, server.log


def test_an_app_that_asks_again_after_its_shutdown_holds_nothing_up(arm: Arm) -> None:
    # More than the test waits.
    with server_of(arm, "stop-asks-again", 300) as server:
        pass
    assert "is cut" not in server.log


def test_requests_that_are_cut_end_before_the_shutdown(arm: Arm) -> None:
    with server_of(arm, "", 0) as server:
        client = RawClient(server).get("/")
        wait_until(lambda: "app: a request waits" in server.lines, "the request")
    client.socket.close()
    ends = [line for line in server.lines if line in ("app: a request ends", "app: stops")]
    assert ends == ["app: a request ends", "app: stops"], server.log
