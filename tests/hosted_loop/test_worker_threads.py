"""Threads that plain functions of an ASGI app run on: they are used again and bounded, end with their loop, and no call
finds what another has set."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from arms import Arm
from server_process import ServerProcess, StartServer
from waiting import wait_until

APP = "worker_threads_app:app"

# anyio's default, for each loop.
THREADS_MAX = 40


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    with ServerProcess(APP, *arm.options, "--shards", "1") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def fresh(arm: Arm, start_server: StartServer) -> ServerProcess:
    """A server whose threads and tasks no other test has touched."""
    return start_server(APP, *arm.options, "--shards", "1")


@pytest.fixture
def its_client(fresh: ServerProcess) -> Iterator[httpx.Client]:
    with fresh.client() as client:
        yield client


def test_calls_one_after_another_use_the_same_threads(its_client: httpx.Client) -> None:
    for _ in range(30):
        assert its_client.get("/thread").status_code == 200
        assert its_client.get("/background").status_code == 200
        assert its_client.get("/file").status_code == 200
        assert len(its_client.get("/stream").text.split()) == 5
    # A thread may still be on its way back when the next call comes, with its background task or without one; on a busy
    # machine that adds up to a few. A thread for each call would be 150 and more.
    assert its_client.get("/seen").json()["seen"] <= 10


def test_calls_side_by_side_are_bounded(fresh: ServerProcess, its_client: httpx.Client) -> None:
    calls = THREADS_MAX + 20
    with ThreadPoolExecutor(calls) as pool:
        answers = [pool.submit(httpx.get, f"{fresh.url}/wait", timeout=30) for _ in range(calls)]
        wait_until(
            lambda: its_client.get("/seen").json()["seen"] == THREADS_MAX,
            "every thread to be in use",
        )
        its_client.get("/open")
        threads = {answer.result().json() for answer in answers}
    assert len(threads) == THREADS_MAX


def test_no_call_finds_what_another_has_set(client: httpx.Client) -> None:
    for number in range(8):
        assert client.get(f"/swap/visitor-{number}").json() == "nobody"
        for way in ("executor", "to_thread"):
            name = f"{way}-{number}"
            answer = client.get(f"/variable/{way}/{name}").json()
            sees_its_caller = way == "to_thread" or answer["inherits"]
            assert answer["found"] == (name if sees_its_caller else "nobody")
            assert answer["left"] == name


def test_app_that_cancels_every_task_goes_on(its_client: httpx.Client) -> None:
    its_client.get("/thread")
    for _ in range(3):
        assert its_client.get("/cancel-all-tasks").json() >= 1
        assert its_client.get("/thread").status_code == 200
    before = its_client.get("/seen").json()["seen"]
    for _ in range(10):
        its_client.get("/thread")
    assert its_client.get("/seen").json()["seen"] <= before + 1
    assert sum("root" in name for name in its_client.get("/tasks").json()) == 1


def test_debug_mode_has_nothing_to_say(fresh: ServerProcess, its_client: httpx.Client) -> None:
    assert its_client.get("/debug/true").json() is True
    assert its_client.get("/thread").status_code == 200
    assert its_client.get("/debug/false").json() is False
    assert fresh.stop() == 0
    assert "turbo-shard root" not in fresh.log
    assert "Traceback" not in fresh.log


def test_stop_after_calls_on_threads_is_quiet(
    fresh: ServerProcess, its_client: httpx.Client
) -> None:
    its_client.get("/thread")
    its_client.get("/variable/executor/anybody")
    assert fresh.stop() == 0
    for word in ("ERROR", "Traceback", "destroyed", "ignored"):
        assert word not in fresh.log, fresh.log


def test_calls_go_the_short_way(client: httpx.Client) -> None:
    # If this fails after an upgrade of anyio, everything still works, but slower: see loop/anyio_calls.py.
    assert client.get("/way").json() == {"ours": True}


def test_what_a_function_raises_is_the_answer(server: ServerProcess, client: httpx.Client) -> None:
    assert client.get("/raises/http").status_code == 418
    assert client.get("/raises/other").status_code == 500
    wait_until(lambda: "LookupError: not an answer" in server.log, "the traceback in the log")
    assert client.get("/stop-iteration").json() == "StopIteration"


def test_function_on_a_thread_reaches_its_loop(arm: Arm, client: httpx.Client) -> None:
    answer = client.get("/from-thread").json()
    assert answer["coroutine"] == answer["function"] == arm.loop_thread
    assert answer["here"] != arm.loop_thread


@pytest.mark.parametrize(
    ("way", "outcome", "still_runs"),
    [
        ("asks", "cancelled", False),
        ("abandons", "cancelled", True),
        ("shielded", "released", False),
        ("native", "cancelled", True),
    ],
)
def test_cancelled_call(client: httpx.Client, way: str, outcome: str, still_runs: bool) -> None:
    for _ in range(3):
        answer = client.get(f"/cancel/{way}").json()
        assert answer == {"outcome": outcome, "still_runs": still_runs}
    assert client.get("/limited").json()["default"] == [0, THREADS_MAX]


def test_limiter_holds(client: httpx.Client) -> None:
    assert client.get("/limited").json() == {
        "most": 2,
        "borrowed": 0,
        "default": [0, THREADS_MAX],
    }


def test_stuck_thread_does_not_hold_the_stop(
    fresh: ServerProcess, its_client: httpx.Client
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        its_client.get("/stuck", timeout=0.3)
    # The second signal takes away the time in which exchanges may finish.
    fresh.signal(signal.SIGTERM)
    wait_until(lambda: "stopping" in fresh.log, "the stop to begin")
    fresh.signal(signal.SIGTERM)
    fresh.wait()
