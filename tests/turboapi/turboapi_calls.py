"""Calls what the TurboAPI adapter registers, with a request that no socket brought; reads the answer."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from apps import turboapi_standin as ta
from turbo_shard._native import Arguments, Request
from turbo_shard.compile.turboapi.answers import View
from turbo_shard.native.plan import RoutePlan
from turbo_shard.turboapi import adapt


def sent(
    method: str = "GET",
    path: str = "/",
    *,
    query: list[tuple[str, str]] | None = None,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    path_params: dict[str, str] | None = None,
) -> Request:
    """A native request that no socket brought."""
    target = f"{path}?{urlencode(query)}" if query else path
    fields = list((headers or {}).items())
    return Request._for_tests(method, target, fields, body, list((path_params or {}).items()))


def plan_of(app: Any, method: str = "GET", path: str = "/") -> RoutePlan:
    [found] = [plan for plan in adapt(app).plans() if method in plan.methods and plan.path == path]
    return found


def one_route(app: Any, method: str = "GET", path: str = "/") -> Any:
    """What the native side does with a request for the route: binds, calls, makes an answer."""
    plan = plan_of(app, method, path)
    names = [
        one.name for one in sorted(plan.arguments, key=lambda one: one.slot) if one.keyword_only
    ]
    arguments = Arguments(path, plan.arguments)

    def answered(call: Callable[[], Any]) -> Any:
        try:
            result = call()
        except Exception as error:
            answer = plan.answer_to_error(error) if plan.answer_to_error else None
            if answer is None:
                raise
            return answer
        return plan.to_answer(result) if plan.to_answer else result

    def called(request: Request) -> Any:
        values = arguments.bind(request, plan.view(request) if plan.view else request)
        by_place = len(values) - len(names)
        return plan.handler(*values[:by_place], **dict(zip(names, values[by_place:], strict=True)))

    async def awaited(request: Request) -> Any:
        try:
            result = await called(request)
        except Exception as error:
            raised = error
        else:
            return answered(lambda: result)
        return answered(lambda: _raise(raised))

    def route(request: Request | None = None) -> Any:
        request = request or sent(method, path)
        return awaited(request) if plan.is_async else answered(lambda: called(request))

    return route


def _raise(error: Exception) -> Any:
    raise error


class Got:
    """An answer as the server would send it."""

    def __init__(self, answer: Any) -> None:
        response = View(answer).answer()
        self.status = response.status_code
        self.body = response.body
        self.headers = response.headers

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(app: Any, method: str = "GET", path: str = "/", **parts: Any) -> Got:
    handler = one_route(app, method, path)

    async def call() -> Any:
        answer = handler(sent(method, path, **parts))
        return await answer if inspect.isawaitable(answer) else answer

    return Got(asyncio.run(call()))


def served(handler: Any, method: str = "GET", app: Any = None) -> Any:
    app = app or ta.TurboAPI()
    app.route(ta.HTTPMethod(method), "/")(handler)
    return app
