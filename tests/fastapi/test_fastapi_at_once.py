"""Requests at the same time on one loop: their contexts, dependencies and journals do not mix, and limits hold."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Annotated, Any, cast

import anyio.to_thread
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request

from asked import Asked, ask
from comparing import MakeApp, compiled
from exchange import AsgiApp, Wire
from journal import Journal

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")
MANY = 60


class Gauge:
    """How many are inside at most."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *exception: object) -> None:
        with self.lock:
            self.now -= 1


async def setting(who: str) -> AsyncIterator[str]:
    WHO.set(who)
    await asyncio.sleep(0)
    yield who
    await asyncio.sleep(0)
    assert WHO.get() == who


def setting_on_thread(who: str) -> Iterator[str]:
    WHO.set(f"thread {who}")
    yield who


async def kept(who: str) -> list[str]:
    await asyncio.sleep(0)
    return [who]


def mixed() -> FastAPI:
    app = FastAPI()

    @app.get("/async/{who}")
    async def of_async(
        who: str, request: Request, s: Annotated[str, Depends(setting)], k: Annotated[list[str], Depends(kept)]
    ) -> Any:  # fmt: skip
        await asyncio.sleep(0)
        return [who, s, k, WHO.get(), request.path_params["who"]]

    @app.get("/def/{who}")
    def of_def(
        who: str, s: Annotated[str, Depends(setting)], t: Annotated[str, Depends(setting_on_thread)]
    ) -> Any:
        # Gives way to other threads.
        time.sleep(0)
        return [who, s, t, WHO.get()]

    @app.get("/plain/{who}")
    async def of_plain(who: str, k: Annotated[list[str], Depends(kept)]) -> Any:
        k.append(WHO.get())
        return k

    @app.get("/fails/{who}")
    async def fails(who: str, s: Annotated[str, Depends(setting)]) -> Any:
        await asyncio.sleep(0)
        raise HTTPException(400, who)

    return app


async def bodies_of(app: AsgiApp, requests: list[Asked]) -> list[tuple[int, bytes]]:
    """All at once."""

    async def body(request: Asked) -> tuple[int, bytes]:
        wire = Wire(request, Journal())
        await app(request.scope({}), wire.receive, wire.send)
        return wire.messages[0][1], b"".join(message[1] for message in wire.messages[1:])

    return await asyncio.gather(*(asyncio.create_task(body(request)) for request in requests))


def both(make_app: MakeApp, requests: list[Asked]) -> list[tuple[int, bytes]]:
    apps = make_app(), make_app()
    expected, got = (
        asyncio.run(bodies_of(app, requests)) for app in (cast(AsgiApp, apps[0]), compiled(apps[1]))
    )
    assert got == expected
    return got


def test_requests_do_not_mix() -> None:
    kinds = ("async", "def", "plain", "fails")
    answers = both(mixed, [ask(f"GET /{kinds[number % 4]}/{number}") for number in range(MANY)])
    assert answers[0] == (200, b'["0","0",["0"],"0","0"]')
    assert answers[1] == (200, b'["1","1","1","1"]')
    assert answers[2] == (200, b'["2","nobody"]')
    assert answers[3] == (400, b'{"detail":"3"}')


@pytest.mark.parametrize("tokens", [1, 3])
def test_threads_are_those_of_the_limiter(tokens: int) -> None:
    """Functions of dependencies and of endpoints: never more at once than the limiter of the loop lets through."""

    def run(wrap: Any) -> int:
        gauge = Gauge()
        app = FastAPI()

        def inside() -> int:
            with gauge:
                time.sleep(0)
            return 1

        @app.get("/")
        def endpoint(a: Annotated[int, Depends(inside)]) -> int:
            with gauge:
                time.sleep(0)
            return a

        async def act() -> None:
            anyio.to_thread.current_default_thread_limiter().total_tokens = tokens
            answers = await bodies_of(wrap(app), [ask("GET /")] * MANY)
            assert answers == [(200, b"1")] * MANY
            assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0

        asyncio.run(act())
        return gauge.most

    for wrap in (lambda app: app, compiled):
        assert run(wrap) <= tokens


@pytest.mark.parametrize("kind", ["coroutine", "function", "generator", "on_thread"])
def test_max_concurrency_of_a_dependency(kind: str) -> None:
    gauge = Gauge()

    async def coroutine() -> int:
        with gauge:
            await asyncio.sleep(0)
        return 1

    def function() -> int:
        with gauge:
            time.sleep(0)
        return 1

    async def generator() -> AsyncIterator[int]:
        with gauge:
            await asyncio.sleep(0)
            yield 1

    def on_thread() -> Iterator[int]:
        with gauge:
            yield 1

    dependency = {
        "coroutine": coroutine,
        "function": function,
        "generator": generator,
        "on_thread": on_thread,
    }[kind]

    def make_app() -> FastAPI:
        app = FastAPI()

        async def endpoint(v: Any) -> Any:
            await asyncio.sleep(0)
            return v

        endpoint.__annotations__ = {"v": Annotated[Any, Depends(dependency, max_concurrency=2)]}
        app.get("/")(endpoint)
        return app

    assert both(make_app, [ask("GET /")] * MANY) == [(200, b"1")] * MANY
    assert gauge.most <= 2


@pytest.mark.parametrize("place", ["dependency", "endpoint", "thread"])
def test_a_request_that_is_cancelled(place: str) -> None:
    """As a server does whose client has gone: dependencies are closed, in order, and nothing else happens."""

    def run(wrap: Any) -> list[str]:
        seen: list[str] = []
        app = FastAPI()
        reached = asyncio.Event()
        release = threading.Event()

        async def opened() -> AsyncIterator[None]:
            seen.append("opens")
            try:
                yield
            except BaseException as error:
                seen.append(f"hears {type(error).__name__}")
                raise
            finally:
                await asyncio.sleep(0)
                seen.append("closes")

        async def waits() -> None:
            if place == "dependency":
                reached.set()
                await asyncio.Event().wait()

        def endpoint_on_thread(o: Any, w: Any) -> None:
            loop.call_soon_threadsafe(reached.set)
            # Goes on, whatever becomes of the request.
            release.wait(30)

        async def endpoint(o: Any, w: Any) -> None:
            seen.append("endpoint")
            reached.set()
            await asyncio.Event().wait()

        chosen = endpoint_on_thread if place == "thread" else endpoint
        chosen.__annotations__ = {
            "o": Annotated[Any, Depends(opened)],
            "w": Annotated[Any, Depends(waits)],
        }
        app.get("/")(chosen)
        loop = asyncio.new_event_loop()

        async def act() -> None:
            wire = Wire(ask("GET /"), Journal())
            task = asyncio.create_task(wrap(app)(ask("GET /").scope({}), wire.receive, wire.send))
            await reached.wait()
            task.cancel()
            loop.call_later(0, release.set)
            await asyncio.wait({task}, timeout=30)
            seen.append(f"cancelled {task.cancelled()}, sent {len(wire.messages)}")

        try:
            loop.run_until_complete(act())
        finally:
            loop.close()
        return seen

    assert run(compiled) == run(lambda app: app)


def test_no_function_begins_for_a_request_that_was_cancelled_before_it() -> None:
    """Functions that follow each other: the one that runs goes on, the next is not called, on whatever thread."""

    def run(wrap: Any) -> list[str]:
        seen: list[str] = []
        app = FastAPI()
        reached, release = asyncio.Event(), threading.Event()

        async def act() -> None:
            loop = asyncio.get_running_loop()

            def first() -> None:
                seen.append("first")
                loop.call_soon_threadsafe(reached.set)
                release.wait(30)

            def second() -> None:
                seen.append("second")

            def endpoint(a: Any, b: Any) -> None:
                seen.append("endpoint")

            endpoint.__annotations__ = {
                "a": Annotated[Any, Depends(first)],
                "b": Annotated[Any, Depends(second)],
            }
            app.get("/")(endpoint)
            wire = Wire(ask("GET /"), Journal())
            task = asyncio.create_task(wrap(app)(ask("GET /").scope({}), wire.receive, wire.send))
            await reached.wait()
            task.cancel()
            await asyncio.wait({task}, timeout=30)

        asyncio.run(act())
        release.set()
        # The loop has told its threads to end once they have nothing to do.
        for thread in threading.enumerate():
            if thread.name.startswith("AnyIO"):
                thread.join(30)
        return seen

    assert run(compiled) == run(lambda app: app) == ["first"]
