"""Dependencies: what may be one, their order, cache, contexts and threads; those around routers."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import anyio.from_thread
import anyio.to_thread
import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Body,
    Depends,
    FastAPI,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
)
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes

from asked import Asked, ask, gets
from comparing import MakeApp, Pairs, each
from journal import MARK, mark, note


class Pager:
    """A class whose call is its making."""

    def __init__(self, limit: int = 10, q: str | None = None) -> None:
        note("Pager", limit, q)
        self.limit = limit


class Bare:
    """Made of nothing."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bare)


class Checker:
    """An object that is called."""

    def __init__(self, minimum: int) -> None:
        self.minimum = minimum

    def __call__(self, n: int = 5) -> bool:
        note("Checker", n)
        return n >= self.minimum


class AsyncChecker(Checker):
    async def __call__(self, n: int = 5) -> bool:  # type: ignore[override]
        note("AsyncChecker", n)
        return n >= self.minimum

    async def method(self, n: int = 5) -> int:
        note("method", n)
        return n + self.minimum

    @classmethod
    def of_class(cls, n: int = 5) -> str:
        note("of_class", n)
        return cls.__name__

    @staticmethod
    async def static(n: int = 5) -> int:
        note("static", n)
        return n


@dataclass
class Query2:
    a: int
    b: Annotated[int, Query(gt=0)] = 1


def logged[**P, T](function: Callable[P, T]) -> Callable[P, T]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        note("wrapper")
        return function(*args, **kwargs)

    return wrapper


async def add(n: int, *, more: int = 1) -> int:
    note("add", n, more)
    return n + more


@logged
async def wrapped_async(n: int = 1) -> int:
    note("wrapped_async")
    return n


@logged
def wrapped_sync(n: int = 1) -> int:
    note("wrapped_sync")
    return n


def kinds() -> FastAPI:
    """A route for each kind of thing that can be depended on, with `def` and with `async def` endpoints."""
    app = FastAPI()
    checker = AsyncChecker(2)
    calls: list[Callable[..., Any]] = [
        *(Pager, Checker(3), checker, checker.method, AsyncChecker.of_class, AsyncChecker.static, Query2),
        *(functools.partial(add, more=3), functools.partial(wrapped_sync, n=4), wrapped_async, wrapped_sync),
        *(lambda n=2: n * 2, Bare, functools.partial(Pager, 3)),
    ]  # fmt: skip
    for number, call in enumerate(calls):

        async def on_loop(v: Annotated[Any, Depends(call)]) -> Any:
            note("endpoint", type(v).__name__)
            return v.limit if isinstance(v, Pager) else v

        def on_thread(v: Annotated[Any, Depends(call)]) -> Any:
            note("endpoint", type(v).__name__)
            return v.limit if isinstance(v, Pager) else v

        app.get(f"/{number}")(on_loop)
        app.get(f"/thread/{number}")(on_thread)
    return app


@pytest.mark.parametrize("number", range(14))
def test_what_may_be_a_dependency(pairs: Pairs, number: int) -> None:
    for path in (f"/{number}", f"/thread/{number}"):
        for query in ("", "?n=1&a=1&limit=1", "?n=x&a=x&limit=x", "?a=1&b=0"):
            pairs[kinds].ask(f"GET {path}{query}")


def trees() -> FastAPI:
    """Dependencies of dependencies, kept and not kept."""
    app = FastAPI()

    async def one(n: int = 1) -> int:
        mark(f"one-{n}")
        return n

    def two(value: Annotated[int, Depends(one)]) -> int:
        mark("two")
        return value + 1

    async def three(
        a: Annotated[int, Depends(two)], b: Annotated[int, Depends(one)], c: int = 3
    ) -> int:
        mark("three")
        return a + b + c

    async def fresh(value: Annotated[int, Depends(one, use_cache=False)]) -> int:
        note("fresh")
        return value

    def failing(n: int = 1) -> int:
        note("failing", n)
        if n == 2:
            raise HTTPException(409, "two", headers={"X-Why": "two"})
        if n == 3:
            raise KeyError("three")
        return n

    @app.get("/diamond")
    async def diamond(
        x: Annotated[int, Depends(three)], y: Annotated[int, Depends(two)], z: Annotated[int, Depends(one)]
    ) -> Any:  # fmt: skip
        note("endpoint")
        return [x, y, z]

    @app.get("/fresh")
    def refreshed(
        x: Annotated[int, Depends(one)],
        y: Annotated[int, Depends(fresh)],
        z: Annotated[int, Depends(one, use_cache=False)],
        w: Annotated[int, Depends(one)],
    ) -> Any:
        note("endpoint")
        return [x, y, z, w]

    @app.get("/failing")
    async def fails(
        a: Annotated[int, Depends(one)],
        b: Annotated[int, Depends(failing)],
        c: Annotated[int, Depends(three)],
    ) -> Any:
        note("endpoint")
        return [a, b, c]

    @app.get("/unnamed", dependencies=[Depends(two), Depends(failing), Depends(two)])
    async def unnamed(q: int = 0) -> str:
        note("endpoint")
        return MARK.get()

    @app.post("/with-body", dependencies=[Depends(two)])
    async def with_body(
        v: Annotated[int, Body()], b: Annotated[int, Depends(failing)], x_n: Annotated[int, Header()]
    ) -> Any:  # fmt: skip
        note("endpoint")
        return [v, b, x_n]

    @app.get("/{n}/path")
    async def of_path(n: int, a: Annotated[int, Depends(three)]) -> Any:
        return [n, a]

    @app.get("/positional")
    async def positional(a: Annotated[int, Depends(one)], /, b: int = 2) -> Any:
        return [a, b]

    return app


def specials() -> FastAPI:
    """Dependencies that are given the request, the answer to be, tasks and scopes."""
    app = FastAPI()

    async def seen(request: Request, connection: HTTPConnection) -> str:
        note("same", request is connection, request.url.path, dict(request.path_params))
        request.state.seen = "yes"
        return request.method

    def cookie(response: Response, tasks: BackgroundTasks, scopes: SecurityScopes) -> None:
        note("status", response.status_code, response.headers.items(), scopes.scopes)
        response.headers["X-One"] = "1"
        response.headers.append("X-One", "2")
        response.set_cookie("a", "b", httponly=True)
        response.status_code = 202
        tasks.add_task(note, "first task")

    async def again(response: Response, tasks: BackgroundTasks) -> int:
        note("again", response.status_code, len(tasks.tasks))
        tasks.add_task(note, "second task")
        return len(tasks.tasks)

    @app.get("/{n}")
    async def all_of_them(
        n: int,
        request: Request,
        response: Response,
        tasks: BackgroundTasks,
        method: Annotated[str, Depends(seen)],
        _: Annotated[None, Depends(cookie)],
        count: Annotated[int, Depends(again)],
    ) -> Any:
        tasks.add_task(note, "third task", response.status_code)
        if n == 2:
            response.status_code = 203
        return [n, method, count, request.state.seen]

    @app.get("/direct/{n}")
    def direct(n: int, _: Annotated[None, Depends(cookie)], response: Response) -> Any:
        response.headers["x-one"] = "3"
        return Response("direct", headers={"x-two": "2"}) if n else {"n": n}

    @app.get("/status/{n}", status_code=201)
    async def status(n: int, response: Response) -> Any:
        if n:
            response.status_code = n
        return None

    return app


def threads() -> FastAPI:
    """What runs where, and what a thread may do."""
    app = FastAPI()

    def on_thread() -> str:
        mark("thread")
        anyio.from_thread.run_sync(note, "called back from a dependency")
        return MARK.get()

    async def on_loop() -> str:
        mark("loop")
        return MARK.get()

    async def back() -> str:
        note("back on the loop")
        return "back"

    @app.get("/def")
    def endpoint(a: Annotated[str, Depends(on_loop)], b: Annotated[str, Depends(on_thread)]) -> Any:
        mark("endpoint")
        tokens = anyio.from_thread.run_sync(
            lambda: anyio.to_thread.current_default_thread_limiter().borrowed_tokens
        )
        return [a, b, anyio.from_thread.run(back), tokens]

    @app.get("/async")
    async def coroutine(
        a: Annotated[str, Depends(on_thread)], b: Annotated[str, Depends(on_loop)]
    ) -> Any:
        note("endpoint")
        return [a, b, anyio.to_thread.current_default_thread_limiter().borrowed_tokens]

    @app.get("/def-alone")
    def alone() -> str:
        mark("alone")
        return "alone"

    @app.get("/def-many")
    def many(
        a: Annotated[str, Depends(on_thread)],
        b: Annotated[str, Depends(on_thread, use_cache=False)],
        c: Annotated[bool, Depends(Checker(1))],
    ) -> Any:
        note("endpoint")
        return [a, b, c]

    return app


def around() -> FastAPI:
    """Dependencies of the app, of routers, of inclusions and of routes."""

    def said(name: str) -> Any:
        async def dependency(q: int = 0) -> str:
            note(name, q)
            if q == 4 and name == "inner include":
                raise HTTPException(403, name)
            return name

        return Depends(dependency)

    inner = APIRouter(prefix="/inner", dependencies=[said("inner router")])
    outer = APIRouter(prefix="/outer", dependencies=[said("outer router")])
    app = FastAPI(dependencies=[said("app")])

    @inner.get("/", dependencies=[said("route")])
    async def deepest(own: Annotated[str, said("own")]) -> str:
        note("endpoint")
        return own

    @outer.get("/near")
    def near() -> str:
        note("endpoint")
        return "near"

    @app.get("/plain")
    async def plain() -> str:
        note("endpoint")
        return "plain"

    outer.include_router(inner, dependencies=[said("inner include")])
    app.include_router(outer, dependencies=[said("outer include")])
    app.include_router(inner, prefix="/second", dependencies=[said("second include")])
    return app


CASES = [
    *each(
        trees,
        *gets(
            """
            /diamond /diamond?n=4 /diamond?n=x /diamond?c=x /fresh /fresh?n=x /failing /failing?n=2 /failing?n=3
            /failing?n=2&c=x /failing?n=x /unnamed /unnamed?n=2&q=x /unnamed?n=3 /unnamed?q=x /7/path /x/path?c=x
            /positional?n=3
            """
        ),
        ask("POST /with-body", "x-n: 1", json=1),
        ask("POST /with-body", "x-n: x", json="x"),
        ask("POST /with-body?n=2", "x-n: x", json="x"),
        ask("POST /with-body?n=x", json=None),
        ask("POST /with-body", "content-type: application/json", body="{"),
    ),
    *each(specials, *gets("/1 /2 /x /direct/0 /direct/1 /status/0 /status/204 /status/304 /status/418 /status/299")),
    *each(threads, *gets("/def /async /def-alone /def-many /def-many?n=x /def-many?n=0")),
    *each(around, *gets("/outer/inner/ /outer/near /plain /second/inner/ /outer/inner/?q=4 /outer/inner/?q=x /inner/")),
]  # fmt: skip


@pytest.mark.parametrize(("make_app", "request_"), CASES)
def test_dependencies(pairs: Pairs, make_app: MakeApp, request_: Asked) -> None:
    pairs[make_app].ask(request_)


def test_what_is_valid_runs_in_a_request_that_is_refused(pairs: Pairs) -> None:
    record = pairs[trees].ask("GET /unnamed?q=x")
    assert record.status == 422
    assert [line.split()[0] for line in record.journal[:3]] == ["marked", "marked", "failing"]
