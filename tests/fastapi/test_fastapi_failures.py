"""Exceptions: who handles them, what they answer, what leaves the app, and what happens when handlers fail."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import Body, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from asked import Asked, ask, gets
from comparing import MakeApp, Pairs, compare, each
from journal import note
from scope_dump import note_scope


class OwnError(Exception):
    """The app's own."""


class Narrower(OwnError):
    """A kind of it."""


class Teapot(HTTPException):
    """A kind of FastAPI's."""


RAISED: dict[str, Any] = {
    "http-404": lambda: HTTPException(404),
    "http-detail": lambda: HTTPException(400, {"a": [1, None, "ä"]}, {"X-A": "ä", "content-type": "text/odd"}),
    "http-204": lambda: HTTPException(204),
    "http-304": lambda: HTTPException(304, "never seen", {"ETag": "x"}),
    "http-499": lambda: HTTPException(499),
    "http-418": lambda: HTTPException(418),
    "http-500": lambda: HTTPException(500, "mine"),
    "http-set": lambda: HTTPException(400, {1}),
    "http-99": lambda: HTTPException(199, "below 200"),
    "starlette": lambda: StarletteHTTPException(402, "plain", {"x-b": "c"}),
    "teapot": lambda: Teapot(418, "own class"),
    "own": lambda: OwnError("own"),
    "narrower": lambda: Narrower("narrower"),
    "value": lambda: ValueError("value"),
    "key": lambda: KeyError("key"),
    "assertion": lambda: AssertionError(),
    "stop": lambda: StopIteration(1),
    "stop-async": lambda: StopAsyncIteration(),
    "group": lambda: ExceptionGroup("several", [ValueError("a"), OwnError("b")]),
    "validation": lambda: RequestValidationError([{"type": "own", "loc": ("x",), "msg": "m", "input": object}]),
    "response": lambda: ResponseValidationError([{"type": "own", "loc": ("x",), "msg": "m", "input": 1}]),
    "timeout": lambda: TimeoutError("slow"),
    "not-implemented": lambda: NotImplementedError(),
    "recursion": lambda: RecursionError("deep"),
    "system-exit": None,
}  # fmt: skip


def raising(app: FastAPI) -> FastAPI:
    """An endpoint of each kind that raises; a dependency that does; one whose answer does."""

    async def dependency(what: str) -> None:
        note("dependency", what)
        raise RAISED[what]()

    def on_thread(what: str) -> None:
        note("dependency", what)
        raise RAISED[what]()

    @app.get("/async/{what}")
    async def of_async(what: str) -> Any:
        raise RAISED[what]()

    @app.get("/def/{what}")
    def of_def(what: str) -> Any:
        raise RAISED[what]()

    @app.get("/dependency/{what}")
    async def of_dependency(d: Annotated[None, Depends(dependency)], what: str, n: int = 0) -> Any:
        note("endpoint")

    @app.get("/thread/{what}", dependencies=[Depends(on_thread)])
    def of_thread(what: str) -> Any:
        note("endpoint")

    @app.get("/answer/{what}")
    async def of_answer(what: str) -> Any:
        class Failing(Response):
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                raise RAISED[what]()

        return Failing("x")

    @app.get("/started/{what}")
    async def of_started(what: str) -> Any:
        async def parts() -> AsyncIterator[str]:
            yield "started"
            raise RAISED[what]()

        return StreamingResponse(parts())

    @app.get("/cause/{what}")
    def of_cause(what: str) -> Any:
        try:
            raise LookupError("before")
        except LookupError as error:
            error.add_note("a note")
            raise RAISED[what]() from (error if what == "own" else None)

    @app.post("/body")
    async def of_body(a: Annotated[int, Body()], b: int) -> Any:
        return a

    return app


def without_handlers() -> FastAPI:
    return raising(FastAPI())


def with_handlers() -> FastAPI:
    app = FastAPI()

    @app.exception_handler(OwnError)
    async def on_own(request: Request, error: OwnError) -> JSONResponse:
        note("on_own", str(error), request.url.path)
        return JSONResponse({"own": str(error)}, 409, {"x-handler": "own"})

    @app.exception_handler(404)
    def on_404(request: Request, error: Any) -> PlainTextResponse:
        note("on_404", type(error).__name__)
        return PlainTextResponse("nothing here", 404)

    @app.exception_handler(Teapot)
    async def on_teapot(request: Request, error: Teapot) -> Response:
        return Response("tea", 418)

    @app.exception_handler(418)
    async def on_418(request: Request, error: Any) -> Response:
        note("by status before class")
        return Response("status", 418)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        note("on_http")
        return await http_exception_handler(request, error)

    @app.exception_handler(RequestValidationError)
    async def on_validation(request: Request, error: RequestValidationError) -> Response:
        note("on_validation", error.body, str(error))
        note_scope(request.scope)
        return await request_validation_exception_handler(request, error)

    @app.exception_handler(LookupError)
    async def none(request: Request, error: Exception) -> None:
        note("no answer at all")

    @app.exception_handler(AssertionError)
    def failing(request: Request, error: Exception) -> Response:
        raise OwnError("in the handler")

    @app.exception_handler(500)
    async def on_500(request: Request, error: Exception) -> Response:
        note("on_500", type(error).__name__, request.url.path)
        return PlainTextResponse("sorry", 500)

    return raising(app)


def with_one_for_all() -> FastAPI:
    app = FastAPI(
        exception_handlers={Exception: lambda request, error: PlainTextResponse(repr(error), 503)}
    )

    @app.exception_handler(StarletteHTTPException)
    async def on_http(request: Request, error: StarletteHTTPException) -> Response:
        return PlainTextResponse(str(error.detail), error.status_code, error.headers)

    @app.exception_handler(ResponseValidationError)
    async def on_response(request: Request, error: ResponseValidationError) -> Response:
        return JSONResponse({"body": str(error.body), "errors": len(error.errors())}, 502)

    return raising(app)


MAKERS = [without_handlers, with_handlers, with_one_for_all]
PLACES = ["async", "def", "dependency", "thread", "answer", "started", "cause"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("make_app", MAKERS)
def test_every_exception_in_every_place(pairs: Pairs, make_app: MakeApp, place: str) -> None:
    pairs[make_app].ask_all(f"GET /{place}/{what}" for what in RAISED)


CASES = [
    case
    for make_app in MAKERS
    for case in each(
        make_app,
        *gets("/nowhere /async /async/own/ /dependency/own?n=x /dependency/http-404?n=x"),
        ask("POST /async/own"),
        ask("DELETE /body"),
        ask("POST /body", json=1),
        ask("POST /body?b=1", json="x"),
        ask("POST /body?b=x", "content-type: application/json", body="{"),
        ask("POST /body?b=1", body="1"),
    )
]


@pytest.mark.parametrize(("make_app", "request_"), CASES)
def test_what_is_refused(pairs: Pairs, make_app: MakeApp, request_: Asked) -> None:
    pairs[make_app].ask(request_)


def test_statuses_without_a_body_and_without_a_phrase(pairs: Pairs) -> None:
    pair = pairs[without_handlers]
    for what in ("http-204", "http-304"):
        assert pair.ask(f"GET /async/{what}").header(b"content-type") is None
    assert pair.ask("GET /async/http-499").body == b'{"detail":""}'
    assert pair.ask("GET /async/http-set").status == 500


def test_handlers_that_come_late() -> None:
    """Handlers are kept by the middleware stack, which is built with the first request."""

    async def late(request: Request, error: Exception) -> Response:
        note("late")
        return PlainTextResponse("late", 400)

    def add(app: FastAPI) -> None:
        app.add_exception_handler(OwnError, late)

    def rebuild(app: FastAPI) -> None:
        app.middleware_stack = None

    def make_app() -> FastAPI:
        return raising(FastAPI())

    compare(make_app, add, "GET /async/own", "GET /async/narrower")
    compare(
        make_app, "GET /async/own", add, "GET /async/own", rebuild, "GET /async/own", "GET /nowhere"
    )


def test_debug(pairs: Pairs) -> None:
    """Tracebacks go to the client: the page differs by the frames that it shows, so FastAPI makes it."""

    def make_app() -> FastAPI:
        return raising(FastAPI(debug=True))

    pairs[make_app].ask("GET /async/http-404")
    pairs[make_app].ask(ask("GET /async/value", "accept: text/html"))
    pairs[make_app].ask(ask("GET /def/value", "accept: text/plain"))
