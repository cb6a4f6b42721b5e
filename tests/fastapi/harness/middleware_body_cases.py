"""What is tried at a middleware of Starlette's, as far as it is about what the client sends."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from middleware_cases import Log, answer, case, passing, told


@case
def body_is_read_by_both(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        log("middleware:", await request.body())
        response: Response = await call_next(request)
        return response

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log("app:", await Request(scope, receive).body())
        await answer(send, b"one")
        log("app:", await receive(), await receive())

    return (dispatch, passing), app


@case
def body_is_streamed_by_the_app(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async for part in Request(scope, receive).stream():
            log("app:", part)
        await answer(send, b"one")

    return (passing, passing), app


@case
def body_is_streamed_in_part_by_the_middleware(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        stream = request.stream()
        log("middleware:", await anext(stream))
        response: Response = await call_next(request)
        return response

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            async for part in Request(scope, receive).stream():
                log("app:", part)
        except RuntimeError as error:
            log("app:", told(error))
        await answer(send, b"one")

    return (dispatch,), app


@case
def body_is_streamed_by_the_middleware(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        log("middleware:", [part async for part in request.stream()])
        response: Response = await call_next(request)
        return response

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log("app:", await Request(scope, receive).body())
        await answer(send, b"one")

    return (dispatch,), app


@case
def is_disconnected_is_asked(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        log("app:", await request.body())
        for _ in range(5):
            log("app:", await request.is_disconnected())
            await asyncio.sleep(0)
        await answer(send, b"one")
        log("app:", await request.is_disconnected())

    return (passing,), app


@case
def client_leaves_while_the_body_is_read(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()
        try:
            await Request(scope, receive).body()
        except ClientDisconnect as error:
            log("app:", told(error))
        await answer(send, b"one")

    return (passing, passing), app


@case
def waits_for_the_client_beside(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def listen() -> None:
            message = await receive()
            while message["type"] == "http.request":
                message = await receive()
            log("app:", message)

        listening = asyncio.ensure_future(listen())
        await answer(send, b"one")
        await listening
        log("app: cancelled:", listening.cancelled())

    return (passing, passing), app
