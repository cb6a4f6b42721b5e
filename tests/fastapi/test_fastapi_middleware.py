"""Middleware of all kinds around compiled routes: what it sees, what it changes, what it raises, what it keeps away."""

import contextvars
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Body, Depends, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.httpsredirect import HTTPSRedirectMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware

from asked import Asked, ask, gets
from comparing import MakeApp, Pairs, compare, each
from journal import MARK, mark, note
from scope_dump import note_scope


def routes(app: FastAPI) -> FastAPI:
    async def opened() -> AsyncIterator[str]:
        mark("opened")
        yield MARK.get()
        note("closed")

    def on_thread() -> str:
        return MARK.get()

    @app.get("/plain/{n}")
    async def plain(n: int) -> dict[str, Any]:
        note("endpoint")
        return {"n": n, "mark": MARK.get()}

    @app.get("/def/{n}")
    def of_def(n: int, m: Annotated[str, Depends(on_thread)]) -> list[Any]:
        mark("endpoint")
        return [n, m]

    @app.get("/seen")
    async def seen(request: Request, o: Annotated[str, Depends(opened)]) -> list[str]:
        note_scope(request.scope)
        return [o, getattr(request.state, "added", "-")]

    @app.post("/body")
    async def body(v: Annotated[dict[str, int], Body()], tasks: BackgroundTasks) -> Any:
        tasks.add_task(note, "task")
        return v

    @app.get("/raises/{what}")
    async def raises(what: str) -> Any:
        if what == "http":
            raise HTTPException(409, "conflict", {"x-a": "b"})
        raise ValueError(what)

    @app.get("/long")
    async def long() -> list[str]:
        return ["text"] * 500

    @app.get("/stream")
    async def stream(o: Annotated[str, Depends(opened)]) -> Any:
        async def parts() -> AsyncIterator[str]:
            yield "a" * 600
            note("between")
            yield "b"

        return StreamingResponse(parts())

    return app


class Pure:
    """Writes down what passes; `changes` what it lets through."""

    def __init__(self, app: Any, name: str, changes: bool = False) -> None:
        self.app, self.name, self.changes = app, name, changes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def heard() -> Any:
            message = await receive()
            note(self.name, "received", message["type"])
            return message

        async def sent(message: Any) -> None:
            note(self.name, "sends", sorted(message.items()))
            if self.changes and message["type"] == "http.response.start":
                message["headers"].append((b"x-pure", self.name.encode()))
            await send(message)
            note(self.name, "sent")

        note(self.name, "before", MARK.get())
        MARK.set(self.name)
        scope["added"] = self.name
        try:
            await self.app(scope, heard, sent)
        finally:
            note(self.name, "after", MARK.get())
            note_scope(scope)


def pure() -> FastAPI:
    app = FastAPI()
    app.add_middleware(Pure, name="inner", changes=True)
    app.add_middleware(Pure, name="outer")
    return routes(app)


def decorated() -> FastAPI:
    """Two functions, as their documentation has them."""
    app = FastAPI()

    @app.middleware("http")
    async def first(request: Request, call_next: Any) -> Response:
        mark("first")
        request.state.added = "by the first"
        response: Response = await call_next(request)
        response.headers["x-first"] = MARK.get()
        note("first after")
        return response

    @app.middleware("http")
    async def second(request: Request, call_next: Any) -> Response:
        note("second", request.url.path)
        if "stop" in request.query_params:
            return PlainTextResponse("stopped", 403)
        if "read" in request.query_params:
            note("read", len(await request.body()))
        try:
            response: Response = await call_next(request)
        except ValueError as error:
            note("second hears", str(error))
            return PlainTextResponse("caught", 500)
        if "fail" in request.query_params:
            raise KeyError("after")
        if "again" in request.query_params:
            return JSONResponse({"instead": response.status_code})
        return response

    return routes(app)


class Timed(BaseHTTPMiddleware):
    """A subclass, which has a state of its own."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-route"] = getattr(request.scope.get("route"), "path", "-")
        note_scope(request.scope)
        return response


def standard() -> FastAPI:
    app = FastAPI()
    app.add_middleware(GZipMiddleware, minimum_size=500)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["https://a.test"],
        allow_methods=["GET"],
        allow_credentials=True,
    )
    app.add_middleware(SessionMiddleware, secret_key="s")
    app.add_middleware(Timed)
    return routes(app)


def guarded() -> FastAPI:
    app = FastAPI()
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["shop.test"])
    app.add_middleware(HTTPSRedirectMiddleware)
    return routes(app)


def raising() -> FastAPI:
    """Middleware that raises before and after, with handlers for what it raises."""
    app = FastAPI()

    class Raising:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if b"before" in scope.get("query_string", b""):
                raise HTTPException(400, "before")
            await self.app(scope, receive, send)
            if b"after" in scope.get("query_string", b""):
                raise ValueError("after")

    app.add_middleware(Raising)

    @app.exception_handler(ValueError)
    async def on_value(request: Request, error: ValueError) -> Response:
        note("on_value")
        return PlainTextResponse("value", 400)

    @app.exception_handler(Exception)
    async def on_any(request: Request, error: Exception) -> Response:
        note("on_any", type(error).__name__)
        return PlainTextResponse("any", 500)

    return routes(app)


def rewriting() -> FastAPI:
    """Middleware that changes what is asked."""
    app = FastAPI()

    class Rewriting:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["path"].startswith("/old"):
                scope = dict(
                    scope, path=scope["path"].removeprefix("/old"), query_string=b"rewritten=1"
                )
                scope["headers"] = [*scope["headers"], (b"x-added", b"1")]
            await self.app(scope, receive, send)

    app.add_middleware(Rewriting)

    @app.get("/shown")
    async def shown(request: Request, rewritten: int = 0) -> Any:
        return [rewritten, request.headers.get("x-added"), str(request.url)]

    return routes(app)


def limited() -> FastAPI:
    app = FastAPI(max_body_size=20)
    app.post("/small", max_body_size=5)(_measured)
    app.post("/large", max_body_size=100)(_measured)
    return routes(app)


async def _measured(v: Annotated[Any, Body()] = None) -> Any:
    note("endpoint")
    return v


REQUESTS = [
    *gets(
        """
        /plain/1 /plain/x /def/2 /seen /raises/http /raises/value /long /stream /nowhere /plain /plain/1/ /docs
        /plain/1?stop=1 /plain/1?fail=1 /plain/1?again=1 /raises/value?fail=1 /seen?read=1 /plain/1?before
        /plain/1?after /raises/value?after /old/plain/3 /old/shown?a=1 /shown /old/nowhere /stream?read=1
        """
    ),
    ask("POST /body", json={"a": 1}),
    ask("POST /body?read=1", json={"a": "x"}),
    ask("POST /body?read=1", "content-type: application/json", chunks=(b'{"a"', b":1}")),
    ask("POST /body", "content-type: application/json", body="{"),
    ask("POST /body", "content-type: application/json", chunks=(b"{",), leaves=True),
    ask("POST /plain/1"),
    ask("HEAD /plain/1"),
    ask("GET /plain/1", "origin: https://a.test", "accept-encoding: gzip"),
    ask("GET /long", "accept-encoding: gzip", "origin: https://b.test"),
    ask("GET /stream", "accept-encoding: gzip"),
    ask("OPTIONS /plain/1", "origin: https://a.test", "access-control-request-method: GET"),
    ask("GET /plain/1", "cookie: session=bad"),
]
LIMITED = [
    *(
        ask(f"POST /{path}", json=value)
        for path in ("small", "large", "body") for value in ("x", "x" * 12, "x" * 60, "x" * 200)
    ),
    ask("POST /small", "content-type: application/json", chunks=(b'"ab', b'cde"')),
    ask("POST /body", "content-type: application/json", chunks=(b"{" + b" " * 15, b" " * 30)),
]  # fmt: skip
CASES = [
    *(
        case
        for make_app in (pure, decorated, standard, guarded, raising, rewriting) for case in each(make_app, *REQUESTS)
    ),
    *each(limited, *LIMITED),
]  # fmt: skip


@pytest.mark.parametrize(("make_app", "request_"), CASES)
def test_middleware(pairs: Pairs, make_app: MakeApp, request_: Asked) -> None:
    pairs[make_app].ask(request_)


def test_middleware_that_is_added_to_a_router_or_late() -> None:
    def make_app() -> FastAPI:
        return routes(FastAPI())

    def late(app: FastAPI) -> None:
        app.user_middleware.insert(0, *pure().user_middleware[:1])
        app.middleware_stack = None

    def replaced(app: FastAPI) -> None:
        app.middleware_stack = Pure(app.middleware_stack, "replaced")

    compare(make_app, "GET /plain/1", late, "GET /plain/1", "GET /seen", "GET /raises/value")
    compare(make_app, "GET /plain/1", replaced, "GET /plain/1", "GET /raises/value")
    compare(pure, "GET /plain/1", replaced, "GET /plain/1", late, "GET /def/1")


def test_a_context_variable_set_before_the_app_is_called(pairs: Pairs) -> None:
    """What a middleware sets reaches endpoints, whatever thread they run on."""
    assert b"outer" not in pairs[pure].ask("GET /plain/1").body
    assert pairs[pure].ask("GET /plain/1").body == b'{"n":1,"mark":"inner"}'
    assert pairs[decorated].ask("GET /def/1").body == b'[1,"first"]'
    assert contextvars.copy_context().get(MARK, "-") == "-"
