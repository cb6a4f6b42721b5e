"""BaseHTTPMiddleware as Starlette has it and as `http_middleware` has it: the same is seen from all sides.

Each case runs once each way, and what the middleware, the app, the server and the client noted is compared, in order.
Starlette's own tests of it are run by scripts/fastapi_suite.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

import middleware_body_cases  # noqa: F401
from middleware_cases import CASES, WHO, Log, answer, passing, told, turns
from turbo_shard.compile.fastapi.http_middleware import give_back, take_over

# Bounds a case that hangs.
TIMEOUT_S = 20


def layered(app: Any, *dispatches: Any) -> Any:
    for dispatch in reversed(dispatches):
        app = BaseHTTPMiddleware(app, dispatch)
    return app


async def exchange(app: Any, log: Log, *, is_gone: bool = False) -> None:
    """A request from a client that stays for a while, or has sent its body and gone."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"some ", "more_body": True},
        {"type": "http.request", "body": b"bytes", "more_body": False},
        {"type": "http.disconnect"},
    ]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}

    async def receive() -> dict[str, Any]:
        if len(messages) == 1:
            await turns(0 if is_gone else 400)
            return messages[0]
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        log("client:", message)
        await asyncio.sleep(0)

    try:
        async with asyncio.timeout(TIMEOUT_S):
            await app(scope, receive, send)
        log("server: over")
    except Exception as error:
        log("server:", told(error))
    log("server:", WHO.get())


def lines_of(
    name: str, *, is_direct: bool, run: Callable[..., Coroutine[Any, Any, None]]
) -> list[str]:
    log = Log()
    dispatches, app = CASES[name](log)
    outermost: Any = layered(app, *dispatches)
    innermost = outermost
    while innermost.app is not app:
        innermost = innermost.app
    taken = take_over(outermost, innermost) if is_direct else []
    assert len(taken) == (len(dispatches) if is_direct else 0)
    asyncio.run(run(outermost, log))
    give_back(taken)
    assert type(outermost) is BaseHTTPMiddleware
    return log.lines


@pytest.mark.parametrize("name", CASES)
def test_the_same_is_seen(name: str) -> None:
    assert lines_of(name, is_direct=True, run=exchange) == lines_of(
        name, is_direct=False, run=exchange
    )


async def exchange_without_client(app: Any, log: Log) -> None:
    await exchange(app, log, is_gone=True)


# How much of an answer is made before its client is found to have gone depends on turns of the loop, as on the network.
DEFINITE = [name for name in CASES if "stream" not in name or "body" in name]


@pytest.mark.parametrize("name", DEFINITE)
def test_the_same_is_seen_where_the_client_has_gone(name: str) -> None:
    found = lines_of(name, is_direct=True, run=exchange_without_client)
    assert found == lines_of(name, is_direct=False, run=exchange_without_client)


async def cancelled_exchange(app: Any, log: Log) -> None:
    """The server ends the request while the app waits."""
    running = asyncio.ensure_future(exchange(app, log))
    await turns(100)
    running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        log("server: cancelled")


@pytest.mark.parametrize("name", CASES)
def test_the_same_is_seen_of_a_cancelled_request(name: str) -> None:
    found = lines_of(name, is_direct=True, run=cancelled_exchange)
    assert found == lines_of(name, is_direct=False, run=cancelled_exchange)


def test_a_class_that_answers_calls_itself_is_left_alone() -> None:
    class Own(BaseHTTPMiddleware):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)

    layer = Own(answer, passing)
    assert take_over(layer, layer) == []
    assert type(layer) is Own


def test_a_subclass_stays_what_it_is() -> None:
    class Named(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            return PlainTextResponse(type(self).__name__)

    layer = Named(answer)
    assert take_over(layer, layer) == [layer]
    assert isinstance(layer, Named) and type(layer).__qualname__ == Named.__qualname__
    log = Log()
    asyncio.run(exchange(layer, log))
    assert "b'Named'" in log.lines[1]
