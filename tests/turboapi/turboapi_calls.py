"""Calls what the TurboAPI adapter registers, with a stand-in of the native request; reads the answer."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any

from apps import turboapi_standin as ta
from turbo_shard.compile.turboapi.answers import View
from turbo_shard.native.headers import Headers, QueryParams
from turbo_shard.turboapi import adapt


class Sent:
    """A native request with the parts that the adapter uses."""

    def __init__(
        self,
        method: str = "GET",
        path: str = "/",
        *,
        query: list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        path_params: dict[str, str] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.url = f"http://test{path}"
        self.query_params = QueryParams(query or [])
        self.query_string = b"&".join(f"{name}={value}".encode() for name, value in query or [])
        self.headers = Headers((headers or {}).items())
        self.body = body
        self.path_params = path_params or {}
        self.client = ("192.0.2.7", 1)


def one_route(app: Any, method: str = "GET", path: str = "/") -> Any:
    """The native handler of a route."""
    [found] = [
        route.handler
        for route in adapt(app).routes
        if method in route.methods and route.path == path
    ]
    return found


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


def ask(app: Any, method: str = "GET", path: str = "/", **sent: Any) -> Got:
    handler = one_route(app, method, path)

    async def call() -> Any:
        answer = handler(Sent(method, path, **sent))
        return await answer if inspect.isawaitable(answer) else answer

    return Got(asyncio.run(call()))


def served(handler: Any, method: str = "GET", app: Any = None) -> Any:
    app = app or ta.TurboAPI()
    app.route(ta.HTTPMethod(method), "/")(handler)
    return app
