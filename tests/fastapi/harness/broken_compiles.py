"""Ways to compile an app wrongly, each in one respect: a comparison that does not see them is no proof."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import copy_context
from inspect import iscoroutinefunction
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, request_response

from exchange import AsgiApp, Message
from journal import MARK, note

type Wrapped = Callable[[AsgiApp, dict[str, Any], Any, Any], Any]


def changing_messages(change: Callable[[Message], Message | None]) -> Callable[[FastAPI], AsgiApp]:
    """An app whose messages are changed, or dropped, on their way."""

    def compile(app: FastAPI) -> AsgiApp:
        async def broken(scope: dict[str, Any], receive: Any, send: Any) -> None:
            async def changed(message: Message) -> None:
                kept = change(dict(message)) if scope["type"] == "http" else message
                if kept is not None:
                    await send(kept)

            await app(scope, receive, changed)

        return broken

    return compile


def wrapping(call: Wrapped) -> Callable[[FastAPI], AsgiApp]:
    """An app around which `call` is done, for requests."""

    def compile(app: FastAPI) -> AsgiApp:
        async def broken(scope: dict[str, Any], receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                await call(app, scope, receive, send)
            else:
                await app(scope, receive, send)

        return broken

    return compile


def other_status(message: Message) -> Message:
    return message | {"status": 201} if "status" in message else message


def other_header_order(message: Message) -> Message:
    return message | {"headers": message["headers"][::-1]} if "status" in message else message


def header_of_another_case(message: Message) -> Message:
    if "status" in message:
        return message | {"headers": [(name.title(), value) for name, value in message["headers"]]}
    return message


def other_body(message: Message) -> Message:
    return (
        message | {"body": message["body"].replace(b":", b": ")} if "body" in message else message
    )


async def in_two_parts(app: AsgiApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    async def split(message: Message) -> None:
        if message.get("body"):
            await send({"type": message["type"], "body": message["body"][:1], "more_body": True})
            message = dict(message) | {"body": message["body"][1:]}
        await send(message)

    await app(scope, receive, split)


async def on_another_task(app: AsgiApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    note("on the way")
    await asyncio.create_task(app(scope, receive, send), context=copy_context())


async def with_another_mark(app: AsgiApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    MARK.set("lost")
    await app(scope, receive, send)


async def leaving_a_mark(app: AsgiApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    await app(scope, receive, send)
    MARK.set("left")


async def logging_more(app: AsgiApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    logging.getLogger("shard").warning("a plan was used")
    await app(scope, receive, send)


async def with_another_scope(app: AsgiApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    await app(scope | {"compiled": True}, receive, send)


async def with_another_order_of_keys(
    app: AsgiApp, scope: dict[str, Any], receive: Any, send: Any
) -> None:
    await app(dict(reversed(scope.items())), receive, send)


async def swallowing(app: AsgiApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    try:
        await app(scope, receive, send)
    except Exception:
        note("nothing happened")


async def raising_its_own(app: AsgiApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    try:
        await app(scope, receive, send)
    except Exception as error:
        raise RuntimeError("in the plan") from error


async def answering_late(app: AsgiApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    """All messages after the app has ended, so after its teardown and background tasks."""
    kept: list[Message] = []

    async def keep(message: Message) -> None:
        kept.append(message)

    try:
        await app(scope, receive, keep)
    finally:
        for message in kept:
            await send(message)


async def called_twice(app: AsgiApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    async def nowhere(message: Message) -> None:
        """Its answer is the second call's."""

    await app(dict(scope), receive, nowhere)
    await app(scope, receive, send)


def without_dependencies(app: FastAPI) -> AsgiApp:
    """The plan that has forgotten what the routers around a route ask for."""
    for dependant in (route.dependant for route in app.routes if hasattr(route, "dependant")):
        dependant.dependencies = [one for one in dependant.dependencies if one.name is not None]
    return app


def all_on_the_loop(app: FastAPI) -> AsgiApp:
    """The plan that calls an ordinary function where it is."""
    for route in app.routes:
        if isinstance(route, APIRoute) and not iscoroutinefunction(route.dependant.call):
            route.dependant.call = _as_coroutine(route.dependant.call)
            route.app = request_response(route.get_route_handler())
    return app


def _as_coroutine(function: Any) -> Any:
    async def endpoint(**values: Any) -> Any:
        return function(**values)

    return endpoint


BROKEN: dict[str, Callable[[FastAPI], AsgiApp]] = {
    **{
        change.__name__: changing_messages(change)
        for change in (other_status, other_header_order, header_of_another_case, other_body)
    },
    **{
        call.__name__: wrapping(call)
        for call in (
            in_two_parts,
            on_another_task,
            with_another_mark,
            leaving_a_mark,
            logging_more,
            with_another_scope,
            with_another_order_of_keys,
            swallowing,
            raising_its_own,
            answering_late,
            called_twice,
        )
    },
    "without_dependencies": without_dependencies,
    "all_on_the_loop": all_on_the_loop,
}
