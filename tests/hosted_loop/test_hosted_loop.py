"""asyncio under turbo-shard: all that a stock loop can do, on a shard and on the asyncio threads of mode steal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from arms import Arm
from raw_http import CutShort, RawClient
from server_process import ServerProcess, StartServer
from waiting import wait_until


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    with ServerProcess("asyncio_app:app", *arm.options, "--shards", "1") as server:
        yield server


def fetch(server: ServerProcess, target: str) -> Any:
    with RawClient(server) as raw:
        answer = raw.get(target).answer()
    assert answer.status == 200, (answer, server.log)
    is_json = answer.header("content-type") == "application/json"
    return json.loads(answer.body) if is_json else answer.body.decode()


def test_handler_runs_in_a_task_on_a_running_loop(server: ServerProcess, arm: Arm) -> None:
    seen = fetch(server, "/loop")
    thread = seen.pop("thread")
    assert seen == {"same_loop": True, "is_running": True, "in_task": True}
    assert thread == arm.loop_thread


def test_handler_that_never_waits_has_loop_and_task_too(server: ServerProcess) -> None:
    assert fetch(server, "/loop/never-waits") == {"is_running": True, "task": True}


def test_plain_function_has_no_running_loop_and_may_run_its_own(server: ServerProcess) -> None:
    assert fetch(server, "/sync/loop") == {"has_loop": False, "run": "own loop"}
    # The loop of the shard still works.
    assert fetch(server, "/timeout") == "timed out"


def test_timers_fire_in_order_and_a_cancelled_one_never(server: ServerProcess) -> None:
    assert fetch(server, "/timers") == [1, 10, 20, 25, 30]


def test_sleeps_of_one_handler_overlap(server: ServerProcess) -> None:
    elapsed_ms = fetch(server, "/sleeps/500")["elapsed_ms"]
    # One after another they would take 5000.
    assert 10 <= elapsed_ms < 2500


def test_timeout_ends_a_sleep(server: ServerProcess) -> None:
    assert fetch(server, "/timeout") == "timed out"


def test_work_on_threads_comes_back(server: ServerProcess) -> None:
    assert fetch(server, "/to-thread") == {"other_threads": True}
    assert fetch(server, "/call-soon-threadsafe") == "told by a thread"


def test_subprocess_is_waited_for(server: ServerProcess) -> None:
    assert fetch(server, "/subprocess") == {"status": 0, "written": "from a child\n"}


def test_loop_serves_sockets_of_its_own(server: ServerProcess) -> None:
    assert fetch(server, "/sockets") == "OVER A SOCKET\n"


def test_context_variables_stay_with_their_request(server: ServerProcess) -> None:
    names = [f"visitor-{number}" for number in range(20)]
    with ThreadPoolExecutor(len(names)) as pool:
        seen = list(pool.map(lambda name: fetch(server, f"/visitor/{name}"), names))
    assert seen == [{"before": "nobody", "after": name} for name in names]


def test_task_group_cancels_what_is_left(server: ServerProcess) -> None:
    assert fetch(server, "/task-group") == [1, 2, 1]


def test_anyio_runs_on_the_loop(server: ServerProcess) -> None:
    assert fetch(server, "/anyio") == [True, True]


def test_descriptors_are_watched(server: ServerProcess) -> None:
    assert fetch(server, "/reader") == "over a descriptor"


def test_exception_in_a_callback_reaches_the_loops_handler(server: ServerProcess) -> None:
    assert fetch(server, "/broken-callback").startswith("ZeroDivisionError(")


def test_signal_handlers_are_for_the_main_thread(server: ServerProcess, arm: Arm) -> None:
    answer = "not on the main thread" if arm.mode == "steal" else "told"
    assert answer in fetch(server, "/signal-handler")


def test_debug_mode_serves_as_well(arm: Arm, start_server: StartServer) -> None:
    server = start_server(
        *("asyncio_app:app", *arm.options, "--shards", "1"),
        variables={"PYTHONASYNCIODEBUG": "1"},
    )
    assert fetch(server, "/loop")["in_task"] is True
    assert fetch(server, "/task-group") == [1, 2, 1]
    assert fetch(server, "/call-soon-threadsafe") == "told by a thread"
    assert fetch(server, "/subprocess")["status"] == 0
    assert fetch(server, "/stream/mixed-async") == "text é, bytes, array, view"
    assert server.stop() == 0
    assert "Traceback" not in server.log


def test_background_task_goes_on_after_the_answer(server: ServerProcess) -> None:
    assert fetch(server, "/background") == "answered"
    assert fetch(server, "/background/done") is True


@pytest.mark.parametrize("target", ["/exit", "/exit/at-once", "/cancelled"])
def test_coroutine_that_wants_to_end_everything_ends_its_request(
    server: ServerProcess, target: str
) -> None:
    with RawClient(server) as raw:
        answer = raw.get(target).answer()
        assert answer.status == 500
        assert b"Traceback" not in answer.body
    assert fetch(server, "/timeout") == "timed out"


@pytest.mark.parametrize("where", ["/stream", "/blocking/stream"])
@pytest.mark.parametrize("how", ["sync", "async"])
def test_stream_sends_every_kind_of_piece(server: ServerProcess, where: str, how: str) -> None:
    with RawClient(server) as raw:
        mixed = raw.get(f"{where}/mixed-{how}").answer()
        assert mixed.body.decode() == "text é, bytes, array, view"
        many = raw.get(f"{where}/many-{how}").answer()
        assert many.body.decode() == "".join(str(number) * 1000 for number in range(1000))
        assert len(many.chunk_sizes) > 1


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_piece_of_no_use_cuts_the_stream_and_is_logged(server: ServerProcess, kind: str) -> None:
    lines = server.log.count("a streamed answer yields bytes or str, not int")
    with RawClient(server) as raw:
        raw.get(f"/stream-of-numbers/{kind}").head()
        assert raw.chunk() == b"first"
        with pytest.raises((CutShort, ConnectionResetError)):
            raw.chunk()
    wait_until(
        lambda: server.log.count("a streamed answer yields bytes or str, not int") > lines,
        "the reason in the log",
    )


def test_stream_that_waits_is_cancelled_when_its_connection_is_reset(server: ServerProcess) -> None:
    ended = "the stream was cancelled and has cleaned up"
    before = server.log.count(ended)
    with RawClient(server) as raw:
        raw.get("/stream-until-left").head()
        assert raw.chunk() == b"first"
        # An end of sending alone would say nothing: such a client may go on reading.
        raw.reset()
    wait_until(lambda: server.log.count(ended) > before, "the generator's end")


def test_end_of_the_server_cancels_tasks_and_closes_generators(
    arm: Arm, start_server: StartServer
) -> None:
    server = start_server("asyncio_app:app", *arm.options, "--shards", "1")
    assert fetch(server, "/lingering") == "left behind"
    assert server.stop() == 0
    assert "the task was cancelled" in server.log
    assert "the generator was closed" in server.log
    assert "Traceback" not in server.log


def test_task_that_ignores_its_cancellation_is_left_behind(
    arm: Arm, start_server: StartServer
) -> None:
    server = start_server("asyncio_app:app", *arm.options, "--shards", "1")
    assert fetch(server, "/stubborn") == "left behind"
    assert server.stop() == 0
    assert "the task stays" in server.log
    assert "ignored its cancellation" in server.log


def test_app_without_coroutines_does_without_asyncio(arm: Arm, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import sys\n"
        "from turbo_shard import App\n"
        "app = App()\n"
        "@app.get('/asyncio')\n"
        "def is_imported():\n"
        "    return 'asyncio' in sys.modules\n"
    )
    with ServerProcess("app:app", *arm.options, app_dir=tmp_path) as plain:
        assert fetch(plain, "/asyncio") is False
