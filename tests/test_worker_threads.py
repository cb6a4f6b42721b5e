"""Threads that plain functions of an ASGI app run on: they are used again and bounded, end with their loop, and no call
finds what another has set."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from conftest import Arm, StartServer
from server_process import ServerProcess
from waiting import wait_until

APP = "worker_threads_app:app"

# anyio's default, for each loop.
THREADS_MAX = 40


@pytest.fixture
def server(arm: Arm, start_server: StartServer) -> ServerProcess:
    return start_server(APP, *arm.options, "--shards", "1")


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def test_calls_one_after_another_use_the_same_threads(client: httpx.Client) -> None:
    for _ in range(30):
        assert client.get("/thread").status_code == 200
        assert client.get("/background").status_code == 200
        assert client.get("/file").status_code == 200
        assert len(client.get("/stream").text.split()) == 5
    # A background task may still run when its request is answered, so the next call finds its thread busy.
    assert client.get("/seen").json()["seen"] <= 3


def test_calls_side_by_side_are_bounded(server: ServerProcess, client: httpx.Client) -> None:
    calls = THREADS_MAX + 20
    with ThreadPoolExecutor(calls) as pool:
        answers = [pool.submit(httpx.get, f"{server.url}/wait", timeout=30) for _ in range(calls)]
        wait_until(
            lambda: client.get("/seen").json()["seen"] == THREADS_MAX, "every thread to be in use"
        )
        client.get("/open")
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


def test_app_that_cancels_every_task_goes_on(client: httpx.Client) -> None:
    client.get("/thread")
    for _ in range(3):
        assert client.get("/cancel-all-tasks").json() >= 1
        assert client.get("/thread").status_code == 200
    before = client.get("/seen").json()["seen"]
    for _ in range(10):
        client.get("/thread")
    assert client.get("/seen").json()["seen"] <= before + 1
    assert sum("root" in name for name in client.get("/tasks").json()) == 1


def test_debug_mode_has_nothing_to_say(server: ServerProcess, client: httpx.Client) -> None:
    assert client.get("/debug/true").json() is True
    assert client.get("/thread").status_code == 200
    assert client.get("/debug/false").json() is False
    assert server.stop() == 0
    assert "turbo-shard root" not in server.log
    assert "Traceback" not in server.log


def test_stop_after_calls_on_threads_is_quiet(server: ServerProcess, client: httpx.Client) -> None:
    client.get("/thread")
    client.get("/variable/executor/anybody")
    assert server.stop() == 0
    for word in ("ERROR", "Traceback", "destroyed", "ignored"):
        assert word not in server.log, server.log
