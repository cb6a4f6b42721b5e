"""asyncio as ASGI apps have it, on a shard and on the threads of mode steal. Native apps: test_hosted_loop.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from arms import Arm
from asgi_journal import Act, ask
from raw_http import RawClient
from server_process import ServerProcess, StartServer
from waiting import wait_until

# A uvloop whose wheel does not exist for this Python: what an app calls is there, and a loop cannot be made.
UVLOOP = """
import asyncio

class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        raise RuntimeError("this loop is not for a shard")

def install():
    asyncio.set_event_loop_policy(EventLoopPolicy())
"""


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    with ServerProcess("asgi_asyncio_app:app", *arm.options, "--shards", "1") as server:
        yield server


def test_app_runs_in_a_task_on_a_running_loop(server: ServerProcess, arm: Arm) -> None:
    seen = {"same": True, "seen": (True, True), "thread": arm.loop_thread}
    assert ask(server, "/do/loop") == seen
    assert ask(server, "/do/never-waits") == {"has_task": True, "has_loop": True}


def test_task_groups_end_together(server: ServerProcess) -> None:
    assert ask(server, "/do/task-group") == ([1, 2, 3, 1], [True])


def test_timeouts(server: ServerProcess) -> None:
    assert ask(server, "/do/timeouts") == ["timeout", "wait_for", "in time"]


def test_threads_come_back_to_the_loop(server: ServerProcess) -> None:
    expected = ((True, "somebody"), True, "by a thread", "submitted")
    assert ask(server, "/do/threads") == expected


def test_anyio_works(server: ServerProcess) -> None:
    expected = [
        *(("started", 1), 1, 2, True, "late", "shielded"),
        *((True, "from a thread!"), 7),
    ]
    assert ask(server, "/do/with-anyio") == expected


def test_subprocess_is_waited_for(server: ServerProcess) -> None:
    assert ask(server, "/do/subprocess") == (0, b"WORD\n")


def test_streams_and_descriptors_are_watched(server: ServerProcess) -> None:
    assert ask(server, "/do/streams") == [4, 40_000]
    assert ask(server, "/do/readers") is True


def test_context_variables_stay_with_their_request(server: ServerProcess) -> None:
    names = [f"visitor-{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda name: ask(server, f"/do/context?name={name}"), names))
    assert seen == [("nobody", name, name) for name in names]
    # On one connection, too, where requests follow each other without a turn of the loop between them.
    with RawClient(server) as raw:
        for name in names:
            raw.get(f"/do/context?name={name}")
            assert raw.answer().body == ascii(("nobody", name, name)).encode()


@pytest.mark.parametrize("how", ["close", "reset"])
def test_work_is_cancelled_when_its_client_leaves(server: ServerProcess, how: str) -> None:
    act = Act(server, "cancelled-when-left")
    with RawClient(server) as raw:
        raw.get(act.target)
        act.wait_for("working")
        if how == "reset":
            raw.reset()
    act.wait_for("left")
    assert act.entries() == ["working", "cancelled", "left"]


def test_exception_in_a_callback_reaches_the_loops_handler(server: ServerProcess) -> None:
    assert ask(server, "/do/broken-callback") == "LookupError('in a callback')"
    wait_until(lambda: "LookupError: in a callback" in server.log, "what has no handler in the log")
    assert ask(server, "/do/never-waits")["has_loop"] is True


def test_signal_handlers_are_for_the_main_thread(server: ServerProcess, arm: Arm) -> None:
    if arm.mode != "steal":
        assert ask(server, "/do/signal-handler") == "told of SIGUSR1"
        kind, text = ask(server, "/do/stop-handler")
        assert (kind, "SIGINT and SIGTERM are the server's" in text) == ("RuntimeError", True)
        return
    kind, text = ask(server, "/do/signal-handler")
    assert kind == "RuntimeError"
    assert "not on the main thread" in text
    assert "lifespan shutdown" in text


def test_debug_mode_works_and_tells_of_slow_callbacks(arm: Arm, start_server: StartServer) -> None:
    server = start_server(
        *("asgi_asyncio_app:app", *arm.options, "--shards", "1"),
        variables={"PYTHONASYNCIODEBUG": "1"},
    )
    assert ask(server, "/do/slow-callback") is True
    wait_until(lambda: "hold() at" in server.log, "the slow callback in the log")
    assert ask(server, "/do/loop")["same"] is True
    assert ask(server, "/do/task-group") == ([1, 2, 3, 1], [True])
    assert ask(server, "/do/threads")[2] == "by a thread"
    assert ask(server, "/do/streams") == [4, 40_000]
    assert ask(server, "/do/with-anyio")[-1] == 7
    act = Act(server, "cancelled-when-left")
    with RawClient(server) as raw:
        raw.get(act.target)
        act.wait_for("working")
    act.wait_for("left")
    assert server.stop() == 0
    assert "Traceback" not in server.log


def test_apps_that_install_uvloop_are_served(
    arm: Arm, start_server: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "uvloop.py").write_text(UVLOOP)
    server = start_server(
        *("asgi_asyncio_app:app", *arm.options, "--shards", "2"),
        variables={"PYTHONPATH": os.fspath(tmp_path), "INSTALL_UVLOOP": "1"},
    )
    for _ in range(4):
        policy, loop = ask(server, "/do/policy")
        assert (policy, loop) == ("uvloop", "turbo_shard.loop.hosted_loop")
        assert ask(server, "/do/subprocess") == (0, b"WORD\n")
        assert ask(server, "/do/threads")[2] == "by a thread"
    assert server.stop() == 0
    assert "Traceback" not in server.log
