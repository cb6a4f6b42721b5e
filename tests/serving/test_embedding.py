"""Servers beside other code of a process: `running()`, in ordinary code and in coroutines."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from places import EXAMPLES
from server_process import environment
from turbo_shard import App, SettingsError, StartError, running
from waiting import TIMEOUT_S, wait_until

ROUNDS = 20
MODES = ("shard", "steal")


def native_app() -> App:
    app = App()

    @app.get("/hello")
    def hello() -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(0.2)
        return "slow"

    @app.get("/blocking", blocking=True)
    def blocking() -> str:
        return threading.current_thread().name

    return app


def fastapi_app() -> Any:
    from fastapi import FastAPI

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        yield {"greeting": "world"}

    app = FastAPI(lifespan=lifespan)

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    return app


def turboapi_app() -> Any:
    from turboapi import TurboAPI

    app = TurboAPI()

    @app.get("/hello")
    def hello() -> dict[str, str]:
        return {"hello": "world"}

    return app


def wsgi_app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"hello":"world"}']


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"hello":"world"}'})


APPS = {
    "native": native_app,
    "fastapi": fastapi_app,
    "turboapi": turboapi_app,
    "wsgi": lambda: wsgi_app,
    "asgi": lambda: asgi_app,
}


def get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=TIMEOUT_S, trust_env=False)


async def get_async(url: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
        return await client.get(url)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("make", APPS.values(), ids=APPS)
def test_any_app_is_served_from_the_beginning_of_a_block_to_its_end(make: Any, mode: str) -> None:
    with running(make(), mode=mode) as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert server.addresses == [("127.0.0.1", server.port)]
        assert get(f"{server.url}/hello").json() == {"hello": "world"}
        assert sum(row["requests"] for row in server.stats()) == 1
    with pytest.raises(httpx.ConnectError):
        get(f"{server.url}/hello")
    assert server.stats() == []


def test_a_loop_that_runs_goes_on_while_a_server_starts_serves_and_stops() -> None:
    async def main() -> None:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(turn())
        async with running(native_app()) as server:
            during_start = turns
            assert (await get_async(f"{server.url}/hello")).json() == {"hello": "world"}
        assert 0 < during_start < turns
        ticking.cancel()

    asyncio.run(main())


def test_signals_stay_the_programs() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    heard: list[int] = []
    usual = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with running(native_app()) as server:
            os.kill(os.getpid(), signal.SIGTERM)
            wait_until(lambda: heard, "the program's own handler")
            assert get(f"{server.url}/hello").status_code == 200
    finally:
        signal.signal(signal.SIGTERM, usual)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_answer_under_way_is_finished_at_the_end_of_the_block() -> None:
    async def main() -> None:
        async with running(native_app()) as server:
            answer = asyncio.create_task(get_async(f"{server.url}/slow"))
            while not any(row["requests"] for row in server.stats()):
                await asyncio.sleep(0.005)
        assert (await answer).text == "slow"

    asyncio.run(main())


def test_a_block_that_raises_or_is_cancelled_stops_its_server() -> None:
    async def main() -> None:
        entered = asyncio.Event()
        servers = []

        async def block() -> None:
            async with running(native_app()) as server:
                servers.append(server)
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(block())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(httpx.ConnectError):
            await get_async(servers[0].url)
        with pytest.raises(ZeroDivisionError):
            async with running(native_app()) as server:
                servers.append(server)
                1 / 0  # noqa: B018
        with pytest.raises(httpx.ConnectError):
            await get_async(servers[1].url)

    asyncio.run(main())
    with pytest.raises(ZeroDivisionError), running(native_app()) as server:
        1 / 0  # noqa: B018
    with pytest.raises(httpx.ConnectError):
        get(server.url)


@pytest.mark.parametrize("mode", MODES)
def test_a_start_that_is_cancelled_leaves_nothing(mode: str) -> None:
    app = App()
    begun = threading.Event()

    @app.on_startup
    async def never() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def main() -> None:
        async def block() -> None:
            async with running(app, mode=mode):
                raise AssertionError("it cannot have started")

        task = asyncio.create_task(block())
        while not begun.is_set():
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    # What the app waits for has been cancelled, so that its thread comes back.
    wait_until(
        lambda: not any(name.startswith(("shard", "asyncio")) for name in threads_of_process()),
        "the end of the app's thread",
    )


def test_what_startup_raises_is_raised_as_it_is() -> None:
    from fastapi import FastAPI

    class NoDatabase(Exception): ...

    app = App()

    @app.on_startup
    def connect() -> None:
        raise NoDatabase("down")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        raise NoDatabase("down")
        yield

    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "not today"})

    async def enter(app: object) -> None:
        async with running(app):
            raise AssertionError("it cannot have started")

    for failing in (app, FastAPI(lifespan=lifespan)):
        with pytest.raises(NoDatabase, match="down"):
            asyncio.run(enter(failing))
        with pytest.raises(NoDatabase, match="down"), running(failing):
            raise AssertionError("it cannot have started")
    with pytest.raises(StartError, match="not today"), running(refuses):
        raise AssertionError("it cannot have started")


def test_what_cannot_be_served_is_said_before_anything_begins() -> None:
    with pytest.raises(TypeError), running(42):
        raise AssertionError("it cannot have started")
    with (
        pytest.raises(SettingsError, match=r"^mode: process"),
        running(native_app(), mode="process"),
    ):
        raise AssertionError("it cannot have started")
    with running(native_app()) as server:
        with pytest.raises(StartError), running(native_app(), port=server.port):
            raise AssertionError("it cannot have started")
        with pytest.raises(RuntimeError, match="runs once"), server:
            raise AssertionError("it cannot have started")
        assert get(f"{server.url}/hello").status_code == 200


def test_an_app_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    with running("multi_route_app:app") as server:
        assert get(f"{server.url}/health").json() == {"status": "ok"}


def threads_of_process() -> set[str]:
    """Names of all threads, the native ones too."""
    return {path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")}


def counted() -> tuple[int, int, int]:
    """Threads, descriptors and event loops of this process."""
    # What one round frees may hold the next.
    for _ in range(3):
        gc.collect()
    loops = sum(isinstance(one, asyncio.AbstractEventLoop) for one in gc.get_objects())
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")), loops


def serve_many_rounds(make: Any, mode: str) -> None:
    def round_of_two() -> None:
        with running(make(), mode=mode) as one, running(make(), mode=mode, shards=2) as other:
            assert one.port != other.port
            for server in (one, other):
                assert get(f"{server.url}/hello").json() == {"hello": "world"}
                if make is native_app:
                    assert get(f"{server.url}/blocking").status_code == 200

    # What lives as long as the process is there after the first rounds.
    round_of_two()
    round_of_two()
    before = counted()
    for _ in range(ROUNDS):
        round_of_two()
    assert counted() == before


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("make", [native_app, fastapi_app], ids=["native", "fastapi"])
def test_servers_one_after_another_and_side_by_side_leave_nothing(make: Any, mode: str) -> None:
    # In a process of their own: what other tests have left behind goes at any time.
    own = multiprocessing.get_context("spawn").Process(target=serve_many_rounds, args=(make, mode))
    own.start()
    own.join()
    assert own.exitcode == 0


PROGRAM = """\
import sys, threading
from turbo_shard import App, running

app = App()

@app.get("/")
def hello() -> str:
    return "hello"

server = running(app).__enter__()
{more}
sys.exit({status})
"""


@pytest.mark.parametrize("status", [0, 3])
def test_a_program_that_ends_within_the_block_ends_with_its_own_status(status: int) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(more="", status=status)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert (run.returncode, run.stderr) == (status, "")
