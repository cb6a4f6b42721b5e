"""The lifespan of ASGI apps: once per instance, before the first request and after the last, and its failures."""

from __future__ import annotations

import re
import signal
import subprocess
from typing import Any

import pytest

from arms import Arm
from asgi_journal import ask
from raw_http import RawClient
from server_process import ServerProcess
from waiting import wait_until


def serve(arm: Arm, how: str, *options: str, shards: int = 1) -> ServerProcess:
    arguments = ("lifespan_app:app", *arm.options, "--shards", str(shards), *options)
    return ServerProcess(*arguments, variables={"LIFESPAN": how})


def refused(arm: Arm, how: str, *options: str, shards: int = 1) -> str:
    """The log of a server whose app does not want to be served."""
    server = serve(arm, how, *options, shards=shards)
    server.launch()
    assert end(server) == 3, server.log
    assert "turbo-shard ready" not in server.log
    return server.log


def end(server: ServerProcess) -> int:
    """The exit status of a server that ends by itself; any other ends with its test."""
    try:
        return server.wait()
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
        raise


def told(log: str, what: str) -> list[str]:
    """The threads that the app has told this on."""
    return sorted(re.findall(rf"^app: {what} on (\S+)$", log, re.MULTILINE))


def test_startup_comes_first_and_shutdown_last(arm: Arm) -> None:
    with serve(arm, "plain") as server:
        assert len(told(server.log, "startup")) == 1
        assert ask(server, "/") == {"greeting": "hello"}
        assert told(server.log, "shutdown") == []
    assert told(server.log, "startup") == told(server.log, "shutdown")
    assert "Traceback" not in server.log


def test_each_instance_has_a_lifespan_of_its_own(arm: Arm) -> None:
    with serve(arm, "plain", "--app-per-shard", "always", shards=3) as server:
        assert len(told(server.log, "startup")) == 3
    prefix = "shard" if arm.mode == "shard" else "asyncio"
    threads = [f"{prefix}-{number}" for number in range(3)]
    if arm.mode == "process":
        threads = [arm.loop_thread] * 3
    assert (told(server.log, "startup"), told(server.log, "shutdown")) == (threads, threads)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("times", [1, 2])
def test_shutdown_is_always_run(arm: Arm, number: signal.Signals, times: int) -> None:
    with serve(arm, "plain", shards=2) as server:
        with RawClient(server) as raw:
            assert raw.get("/background").answer().status == 200
            for _ in range(times):
                server.signal(number)
        assert server.wait() in (0, 128 + number, -number)
    assert len(told(server.log, "shutdown")) == len(told(server.log, "startup")) > 0


def test_shutdown_comes_after_background_work(arm: Arm) -> None:
    with serve(arm, "plain") as server, RawClient(server) as raw:
        assert raw.get("/background").answer().status == 200
    lines = [line for line in server.lines if line.startswith("app: ")]
    assert lines[1] == "app: background done"
    assert lines[2].startswith("app: shutdown on ")


def test_what_follows_the_last_message_belongs_to_the_shutdown(arm: Arm) -> None:
    with serve(arm, "slow-shutdown") as server:
        pass
    assert "app: after the last message" in server.log


def test_shutdown_that_hangs_is_bounded(arm: Arm) -> None:
    with serve(arm, "shutdown-hangs", "--graceful-timeout", "0.3") as server:
        pass
    assert len(told(server.log, "shutdown")) == 1


def test_shutdown_that_fails_is_logged(arm: Arm) -> None:
    with serve(arm, "shutdown-fails") as server:
        pass
    assert "the app's lifespan shutdown failed: the pool is stuck" in server.log
    with serve(arm, "shutdown-raises") as server:
        pass
    assert "the app's lifespan shutdown raised" in server.log
    assert "LookupError: on purpose" in server.log


def test_startup_that_fails_is_status_3_with_the_apps_message(arm: Arm) -> None:
    assert "the app's lifespan startup failed: no database here" in refused(arm, "fails")
    assert "the app's lifespan startup failed" in refused(arm, "fails-without-words")
    log = refused(arm, "fails-with-traceback")
    # The whole traceback is logged, and the reason at the end is one line.
    assert '  File "x"' in log
    assert "startup failed: OSError: no database" in log.splitlines()[-1]


def test_app_that_waits_after_its_failed_startup_is_cancelled(arm: Arm) -> None:
    log = refused(arm, "fails")
    assert "app: cancelled" in log
    assert "was destroyed" not in log


def test_startup_of_a_later_instance_that_fails_stops_everything(arm: Arm) -> None:
    log = refused(arm, "fails-later", "--app-per-shard", "always", shards=3)
    assert "the app's lifespan startup failed: no room for a second" in log
    assert log.count("no room for a second") == 1
    # Worker processes start side by side: the first may be told to stop before it has started.
    shut_down = told(log, "shutdown")
    first = "shard-0" if arm.mode == "shard" else arm.loop_thread
    assert shut_down == [first] or (arm.mode == "process" and not shut_down)


@pytest.mark.parametrize("how", ["unknown", "returns"])
def test_app_without_lifespan_is_served_in_auto_mode(arm: Arm, how: str) -> None:
    with serve(arm, how) as server:
        assert ask(server, "/") is None
    assert "Traceback" not in server.log


def test_app_whose_startup_raises_is_served_without_lifespan_in_auto_mode(arm: Arm) -> None:
    """The specification's way for an app to say that it knows no lifespan."""
    with serve(arm, "raises") as server:
        assert ask(server, "/") is None
    assert told(server.log, "shutdown") == []


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("unknown", "startup failed: ValueError: this app knows no lifespan"),
        ("raises", "startup failed: LookupError: on purpose"),
        ("returns", "--lifespan on, but the app returned before its startup was complete"),
    ],
)
def test_lifespan_on_insists(arm: Arm, how: str, reason: str) -> None:
    assert reason in refused(arm, how, "--lifespan", "on")


def test_lifespan_off_tells_the_app_nothing(arm: Arm) -> None:
    with serve(arm, "fails", "--lifespan", "off") as server:
        assert ask(server, "/") is None
    assert "app: " not in server.log


def test_messages_out_of_order_raise_in_the_app(arm: Arm) -> None:
    with serve(arm, "wrong") as server:
        assert ask(server, "/") == {}
    lines: list[Any] = [line for line in server.lines if line.startswith("app: unexpected")]
    assert lines == [
        "app: unexpected ASGI message 'http.response.start' in a lifespan",
        (
            "app: unexpected ASGI message 'lifespan.shutdown.complete', "
            "expected lifespan.startup.complete"
        ),
        "app: unexpected ASGI message 'lifespan.startup' in a lifespan",
        "app: unexpected ASGI message 'lifespan.startup.complete': the startup is over already",
    ]


@pytest.mark.parametrize(("times", "graceful_timeout"), [(1, "0.1"), (2, "3600")])
def test_startup_that_never_ends_does_not_keep_a_server_from_ending(
    arm: Arm, times: int, graceful_timeout: str
) -> None:
    server = serve(arm, "never-starts", "--graceful-timeout", graceful_timeout)
    server.launch()
    wait_until(lambda: "app: startup on" in server.log, "the startup")
    server.signal(signal.SIGTERM)
    if times == 2:
        # Two signals without a look between them count as one.
        wait_until(lambda: "stopping: " in server.log, "the first signal to work")
        server.signal(signal.SIGTERM)
    end(server)
    assert "turbo-shard ready" not in server.log
    assert "Traceback" not in server.log
