"""Responses: statuses, injected headers and cookies, classes returned or declared, streams, files, tasks after them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Cookie, Depends, FastAPI, Response
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from starlette.background import BackgroundTask

from asked import Asked, ask, gets
from comparing import MakeApp, Pairs, each
from journal import mark, note

HERE = Path(__file__)


def statuses() -> FastAPI:
    app = FastAPI()
    for status in (100, 199, 200, 201, 202, 204, 205, 206, 299, 301, 304, 400, 418, 500, 599):
        for name, result in (("none", None), ("dict", {"a": 1}), ("text", "x")):
            app.get(f"/declared/{status}/{name}", status_code=status, response_model=None)(
                _async(lambda result=result: result)
            )
            app.get(f"/thread/{status}/{name}", status_code=status, response_model=None)(
                _def(lambda: None)
            )
            app.get(f"/injected/{status}/{name}", response_model=None)(_injecting(status, result))
            app.get(f"/both/{status}/{name}", status_code=201)(_injecting(status, result))
            app.get(f"/returned/{status}/{name}", status_code=201)(_returning(status))
    return app


def _injecting(status: int, result: Any) -> Any:
    async def injecting(response: Response) -> Any:
        response.status_code = status
        return result

    return injecting


def _returning(status: int) -> Any:
    def returning() -> Response:
        return Response("body", status)

    return returning


@pytest.mark.parametrize("kind", ["declared", "thread", "injected", "both", "returned"])
def test_every_status(pairs: Pairs, kind: str) -> None:
    paths = [route.path for route in pairs[statuses].app.routes[4:]]  # type: ignore[attr-defined]
    pairs[statuses].ask_all(f"GET {path}" for path in paths if path.startswith(f"/{kind}"))


def injected() -> FastAPI:
    app = FastAPI()

    @app.get("/headers")
    async def headers(response: Response) -> dict[str, int]:
        response.headers["X-Upper"] = "ä"
        response.headers["content-type"] = "application/vnd.shop+json"
        response.headers["content-length"] = "1000"
        response.headers.append("x-upper", "2")
        return {"a": 1}

    @app.get("/cookies")
    async def cookies(response: Response) -> Any:
        response.set_cookie("a", "b c;", max_age=5, path="/p", domain="shop.test", secure=True)
        response.set_cookie(
            "z", expires=datetime(2026, 11, 30, tzinfo=UTC), httponly=True, samesite="strict"
        )
        response.delete_cookie("gone")
        return None

    @app.get("/deleted")
    def deleted(response: Response) -> Any:
        response.headers["x-a"] = "1"
        del response.headers["x-a"]
        response.raw_headers.append((b"X-Raw", b"\xff"))
        response.body = b"ignored"
        response.media_type = "text/plain"
        response.background = BackgroundTask(note, "never")
        return 1

    @app.get("/twice")
    async def twice(response: Response, other: Response) -> Any:
        other.headers["x-same"] = str(other is response)
        return None

    @app.get("/and-returned")
    async def and_returned(response: Response, seen: Annotated[str | None, Cookie()] = None) -> Any:
        response.headers["x-injected"] = "lost?"
        response.set_cookie("seen", "yes")
        response.status_code = 202
        return JSONResponse({"seen": seen}, headers={"x-own": "1"})

    @app.get("/bad-status")
    async def bad_status(response: Response) -> Any:
        response.status_code = "200"  # type: ignore[assignment]
        return {}

    @app.get("/bad-header")
    async def bad_header(response: Response) -> Any:
        response.headers["x-bad"] = "\u2028"
        return {}

    return app


class Shouting(JSONResponse):
    media_type = "application/shout"

    def render(self, content: Any) -> bytes:
        note("render")
        return super().render(content).upper()


class OwnCall(Response):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        note("own call", scope["path"], "fastapi_inner_astack" in scope)
        await super().__call__(scope, receive, send)


def classes() -> FastAPI:
    app = FastAPI()
    returned: dict[str, Any] = {
        "response": lambda: Response(b"raw"),
        "text": lambda: PlainTextResponse("text", 201, {"X-A": "1"}),
        "html": lambda: HTMLResponse("<p>"),
        "json": lambda: JSONResponse({"ä": 1.0}, headers={"content-length": "3"}),
        "redirect": lambda: RedirectResponse("/ä?b=c", 303),
        "shouting": lambda: Shouting({"a": "b"}),
        "own-call": lambda: OwnCall("own"),
        "memory": lambda: Response(memoryview(b"memory")),
        "none": lambda: Response(None, 204),
        "background": lambda: Response("b", background=BackgroundTask(note, "after")),
        "file": lambda: FileResponse(HERE, media_type="text/x-python", filename="ä.py"),
        "no-file": lambda: FileResponse("/nowhere/at/all"),
        "stream": lambda: StreamingResponse(iter(["a", "b", b"c"]), media_type="text/plain"),
        "not-an-object": lambda: Response,
    }
    for name, make in returned.items():
        app.get(f"/async/{name}")(_async(make))
        app.get(f"/def/{name}")(_def(make))
        app.head(f"/async/{name}")(_async(make))
    for kind in (
        HTMLResponse,
        PlainTextResponse,
        Shouting,
        Response,
        RedirectResponse,
        JSONResponse,
    ):
        app.get(f"/declared/{kind.__name__}", response_class=kind)(_async(lambda: "text"))
        app.get(f"/declared/{kind.__name__}/def", response_class=kind, status_code=203)(
            _def(lambda: "text")
        )
        app.get(f"/declared/{kind.__name__}/any", response_class=kind)(
            _annotated(lambda: {"a": 1e16})
        )
    return app


def _async(make: Any) -> Any:
    async def endpoint():  # type: ignore[no-untyped-def]
        return make()

    return endpoint


def _def(make: Any) -> Any:
    def endpoint():  # type: ignore[no-untyped-def]
        note("endpoint")
        return make()

    return endpoint


def _annotated(make: Any) -> Any:
    async def endpoint() -> Any:
        return make()

    return endpoint


def test_every_class(pairs: Pairs) -> None:
    routes: list[Any] = pairs[classes].app.routes[4:]
    pairs[classes].ask_all(f"{min(route.methods)} {route.path}" for route in routes)


def streams() -> FastAPI:
    app = FastAPI()

    async def parts(fails: bool) -> AsyncIterator[bytes]:
        note("first")
        yield b"1"
        await asyncio.sleep(0)
        if fails:
            raise ValueError("in the middle")
        mark("second")
        yield b"2"

    def on_thread(fails: bool) -> Iterator[str]:
        note("first")
        yield "1"
        if fails:
            raise ValueError("in the middle")
        yield "2"

    async def session() -> AsyncIterator[str]:
        note("session opens")
        yield "session"
        note("session closes")

    @app.get("/async")
    async def of_async(s: Annotated[str, Depends(session)], fails: bool = False) -> Any:
        return StreamingResponse(
            parts(fails), 206, {"x-s": s}, background=BackgroundTask(note, "after")
        )

    @app.get("/def")
    def of_def(
        s: Annotated[str, Depends(session)], tasks: BackgroundTasks, fails: bool = False
    ) -> Any:
        tasks.add_task(note, "task")
        return StreamingResponse(on_thread(fails))

    @app.get("/lines")
    async def lines() -> AsyncIterator[dict[str, int]]:
        yield {"a": 1}
        yield {"a": 2}

    @app.get("/lines-def")
    def lines_def() -> Iterator[int]:
        yield 1
        yield 2

    return app


def tasks() -> FastAPI:
    """What is done after the answer, and what happens when it fails."""
    app = FastAPI()

    async def slow(text: str) -> None:
        await asyncio.sleep(0)
        mark(text)

    def failing(text: str) -> None:
        note(text)
        raise ValueError(text)

    def below(background: BackgroundTasks) -> str:
        background.add_task(note, "from the dependency")
        return "below"

    async def opened(background: BackgroundTasks) -> AsyncIterator[str]:
        background.add_task(slow, "from the generator")
        yield "opened"
        note("closed")

    @app.get("/plain")
    async def plain(background: BackgroundTasks) -> Any:
        background.add_task(slow, "one")
        background.add_task(note, "two", 2)
        mark("endpoint")
        return None

    @app.get("/def")
    def on_thread(background: BackgroundTasks, b: Annotated[str, Depends(below)]) -> Any:
        background.add_task(slow, "one")
        return Response(b)

    @app.get("/generator")
    async def generator(
        o: Annotated[str, Depends(opened)], b: Annotated[str, Depends(below)]
    ) -> Any:
        return [o, b]

    @app.get("/failing")
    async def fails(background: BackgroundTasks, o: Annotated[str, Depends(opened)]) -> Any:
        background.add_task(failing, "fails")
        background.add_task(note, "never")
        return o

    @app.get("/own")
    async def own(background: BackgroundTasks) -> Any:
        background.add_task(note, "injected")
        return Response("own", background=BackgroundTask(note, "own"))

    @app.get("/refused")
    async def refused(
        background: BackgroundTasks, b: Annotated[str, Depends(below)], n: int
    ) -> Any:
        background.add_task(note, "endpoint")

    @app.get("/raising")
    async def raising(background: BackgroundTasks) -> Any:
        background.add_task(note, "task")
        raise ValueError("raising")

    return app


CASES = [
    *each(
        injected, *gets("/headers /cookies /deleted /twice /and-returned /bad-status /bad-header")
    ),
    *each(
        streams, *gets("/async /def /async?fails=1 /def?fails=1 /lines /lines-def /async?fails=x")
    ),
    *each(tasks, *gets("/plain /def /generator /failing /own /refused /refused?n=1 /raising")),
    *each(
        classes,
        ask("GET /async/file", "range: bytes=0-4"),
        ask("GET /def/file", "range: bytes=99999999-"),
        ask("GET /async/file", "if-none-match: *"),
        ask("GET /async/stream", http_version="1.0"),
    ),
]


@pytest.mark.parametrize(("make_app", "request_"), CASES)
def test_responses(pairs: Pairs, make_app: MakeApp, request_: Asked) -> None:
    pairs[make_app].ask(request_)


def test_cookies_are_written_as_starlette_does(pairs: Pairs) -> None:
    cookies = [
        value
        for name, value in pairs[injected].ask("GET /cookies").headers
        if name == b"set-cookie"
    ]
    assert cookies[0] == b'a="b c\\073"; Domain=shop.test; Max-Age=5; Path=/p; SameSite=lax; Secure'
    assert cookies[1].startswith(
        b'z=""; expires=Mon, 30 Nov 2026 00:00:00 GMT; HttpOnly; Path=/; SameSite=strict'
    )
