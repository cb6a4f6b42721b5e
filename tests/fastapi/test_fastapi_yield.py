"""Dependencies with `yield`: when each is opened and closed, what it hears of errors, and what it makes of them."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, Literal

import anyio
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse

from asked import Asked, gets
from comparing import MakeApp, Pairs, each
from journal import MARK, mark, note


class OwnError(Exception):
    """The app's own."""


def raised(what: str) -> None:
    """Raises what a request asks for, if anything."""
    if what == "http":
        raise HTTPException(418, "tea", headers={"x-pot": "yes"})
    if what == "own":
        raise OwnError("own")
    if what == "key":
        raise KeyError("key")
    if what == "base":
        raise BaseException("base")


def opened(name: str, *, swallows: bool = False) -> Callable[..., Iterator[str]]:
    """A dependency on threads. `after` of the query says what it raises at its end, with its own name."""

    def dependency(after: str = "", before: str = "") -> Iterator[str]:
        note(name, "opens")
        MARK.set(name)
        raised(before.removeprefix(f"{name}:"))
        try:
            yield name
        except Exception as error:
            note(name, "hears", type(error).__name__, str(error))
            if not swallows:
                raise
        finally:
            note(name, "closes")
        raised(after.removeprefix(f"{name}:"))
        note(name, "closed")

    return dependency


def opened_on_loop(name: str, *, swallows: bool = False) -> Callable[..., AsyncIterator[str]]:
    async def dependency(after: str = "", before: str = "") -> AsyncIterator[str]:
        note(name, "opens")
        MARK.set(name)
        raised(before.removeprefix(f"{name}:"))
        try:
            yield name
        except Exception as error:
            note(name, "hears", type(error).__name__, str(error))
            if not swallows:
                raise
        finally:
            note(name, "closes")
        raised(after.removeprefix(f"{name}:"))
        note(name, "closed")

    return dependency


def handled(app: FastAPI) -> FastAPI:
    @app.exception_handler(OwnError)
    async def on_own(request: Request, error: OwnError) -> Response:
        note("handler", str(error))
        return Response("handled", 400)

    return app


def ordinary() -> FastAPI:
    """Both kinds, with each scope, below each other. The endpoint raises what the query says."""
    app = handled(FastAPI(dependencies=[Depends(opened_on_loop("app"))]))

    async def middle(above: Annotated[str, Depends(opened("first"))]) -> AsyncIterator[str]:
        note("middle", above, MARK.get())
        yield "middle"
        note("middle closes", MARK.get())

    def last(
        above: Annotated[str, Depends(middle)], beside: Annotated[str, Depends(opened_on_loop("beside"))]
    ) -> Iterator[str]:  # fmt: skip
        mark("last")
        yield "last"
        note("last closes", MARK.get())

    @app.get("/async")
    async def on_loop(
        v: Annotated[str, Depends(last)], tasks: BackgroundTasks, w: Annotated[str, Depends(middle)], inside: str = ""
    ) -> Any:  # fmt: skip
        note("endpoint")
        tasks.add_task(note, "background")
        raised(inside)
        return [v, w]

    @app.get("/def")
    def on_thread(
        v: Annotated[str, Depends(last)], tasks: BackgroundTasks, inside: str = ""
    ) -> Any:
        mark("endpoint")
        tasks.add_task(note, "background")
        raised(inside)
        return v

    @app.get("/not-kept")
    async def not_kept(
        a: Annotated[str, Depends(middle)],
        b: Annotated[str, Depends(middle, use_cache=False)],
        n: int = 0,
    ) -> Any:
        return [a, b, n]

    @app.get("/wrong-answer")
    async def wrong_answer(v: Annotated[str, Depends(last)]) -> int:
        return v  # type: ignore[return-value]

    return app


def scoped() -> FastAPI:
    """Dependencies whose end comes before the answer, and those whose end comes after it."""
    app = handled(FastAPI())
    type Scope = Literal["function", "request"]

    def of(scope: Scope, name: str, on_loop: bool = True) -> Any:
        return Depends((opened_on_loop if on_loop else opened)(name), scope=scope)

    @app.get("/both")
    async def both(
        a: Annotated[str, of("request", "a")],
        b: Annotated[str, of("function", "b")],
        c: Annotated[str, of("request", "c", False)],
        d: Annotated[str, of("function", "d", False)],
        tasks: BackgroundTasks,
        inside: str = "",
    ) -> Any:
        note("endpoint")
        tasks.add_task(note, "background")
        raised(inside)
        return [a, b, c, d]

    @app.get("/thread", dependencies=[of("function", "unnamed", False)])
    def thread(a: Annotated[str, of("function", "a")], inside: str = "") -> str:
        note("endpoint")
        raised(inside)
        return a

    @app.get("/stream")
    async def stream(
        a: Annotated[str, of("request", "a")], b: Annotated[str, of("function", "b")], inside: str = ""
    ) -> Any:  # fmt: skip
        async def parts() -> AsyncIterator[str]:
            note("first part")
            yield a
            raised(inside)
            note("second part")
            yield b

        return StreamingResponse(parts())

    @app.get("/one-two")
    async def one_dependency_twice(
        a: Annotated[str, Depends(shared, scope="function")],
        b: Annotated[str, Depends(shared, scope="request")],
        c: Annotated[str, Depends(shared)],
    ) -> Any:
        return [a, b, c]

    return app


async def shared() -> AsyncIterator[str]:
    note("shared opens")
    yield "shared"
    note("shared closes")


def swallowing() -> FastAPI:
    app = handled(FastAPI())

    @app.get("/async")
    async def on_loop(
        v: Annotated[str, Depends(opened_on_loop("v", swallows=True))], inside: str = ""
    ) -> str:
        raised(inside)
        return v

    @app.get("/thread")
    def on_thread(
        v: Annotated[str, Depends(opened("v", swallows=True))],
        w: Annotated[str, Depends(opened("w"))],
        inside: str = "",
    ) -> str:
        raised(inside)
        return v

    @app.get("/function")
    async def at_the_function(
        v: Annotated[str, Depends(opened_on_loop("v", swallows=True), scope="function")],
        inside: str = "",
    ) -> str:
        raised(inside)
        return v

    async def translating() -> AsyncIterator[None]:
        try:
            yield
        except OwnError as error:
            raise HTTPException(400, f"translated {error}") from error
        except HTTPException as error:
            raise OwnError("from http") from error
        except KeyError:
            raise HTTPException(404, "no key") from None

    @app.get("/translating", dependencies=[Depends(translating)])
    async def translated(inside: str = "") -> str:
        raised(inside)
        return "fine"

    @app.get("/translating-thread", dependencies=[Depends(translating)])
    def translated_thread(
        v: Annotated[str, Depends(opened("v"))], n: Annotated[int, Query()] = 0, inside: str = ""
    ) -> str:
        raised(inside)
        return v

    return app


def odd() -> FastAPI:
    """What yields twice, never, or in its own way."""
    app = FastAPI()

    async def twice() -> AsyncIterator[int]:
        yield 1
        note("between")
        yield 2

    def twice_on_thread() -> Iterator[int]:
        yield 1
        note("between")
        yield 2

    async def never(n: int = 0) -> AsyncIterator[int]:
        if n:
            yield n

    def never_on_thread(n: int = 0) -> Iterator[int]:
        if n:
            yield n

    class Made:
        async def __call__(self) -> AsyncIterator[int]:
            note("made opens")
            yield 3
            note("made closes")

    async def grouped() -> AsyncIterator[int]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0)
            note("group open")
            yield 4
        note("group closed")

    async def changing(response: Response, tasks: BackgroundTasks) -> AsyncIterator[int]:
        response.headers["x-before"] = "1"
        yield 5
        response.headers["x-after"] = "1"
        tasks.add_task(note, "too late")
        note("changed", response.headers.items())

    @contextmanager
    def managed() -> Iterator[int]:
        note("managed opens")
        yield 6
        note("managed closes")

    @asynccontextmanager
    async def managed_on_loop() -> AsyncIterator[int]:
        note("managed opens")
        yield 6
        note("managed closes")

    calls = (
        *(twice, twice_on_thread, never, never_on_thread, Made(), grouped, changing, managed),
        managed_on_loop,
    )  # fmt: skip
    for number, call in enumerate(calls):

        async def endpoint(v: Annotated[Any, Depends(call)]) -> Any:
            note("endpoint")
            return v if isinstance(v, int) else type(v).__name__

        def on_thread(v: Annotated[Any, Depends(call, scope="function")]) -> Any:
            note("endpoint")
            return v if isinstance(v, int) else type(v).__name__

        app.get(f"/{number}")(endpoint)
        app.get(f"/thread/{number}")(on_thread)
    return app


INSIDE = ("", "?inside=http", "?inside=own", "?inside=key", "?inside=base")
CASES = [
    *each(ordinary, *(f"GET /{path}{query}" for path in ("async", "def") for query in INSIDE)),
    *each(
        ordinary,
        *gets(
            """
            /async?after=app:http /async?after=first:own /async?after=beside:key /async?before=app:http
            /async?before=first:own /async?before=beside:key /async?inside=own&after=first:http
            /async?inside=http&after=beside:own /def?after=first:key /def?before=beside:http /not-kept /not-kept?n=x
            /not-kept?after=first:http /wrong-answer /wrong-answer?after=first:http /async?inside=&inside=own
            """
        ),
    ),
    *each(scoped, *(f"GET /{path}{query}" for path in ("both", "thread", "stream") for query in INSIDE)),
    *each(
        scoped,
        *gets(
            """
            /both?after=a:http /both?after=b:http /both?after=c:own /both?after=d:own /both?after=d:key /one-two
            /both?before=b:own /both?before=d:http /both?inside=own&after=b:http /both?inside=http&after=c:key
            /thread?after=unnamed:http /thread?after=a:key /stream?after=a:own /stream?after=b:own
            """
        ),
    ),
    *each(
        swallowing,
        *(
            f"GET /{path}{query}"
            for path in ("async", "thread", "function", "translating", "translating-thread")
            for query in INSIDE
        ),
        *gets("/translating-thread?n=x /translating?n=x /translating-thread?after=v:own /thread?after=w:own"),
    ),
    *each(odd, *(f"GET /{number}" for number in range(9))),
    *each(odd, *(f"GET /thread/{number}" for number in range(9))),
    *each(odd, *gets("/2?n=1 /3?n=1 /2?n=x")),
]  # fmt: skip


@pytest.mark.parametrize(("make_app", "request_"), CASES)
def test_yield(pairs: Pairs, make_app: MakeApp, request_: Asked) -> None:
    pairs[make_app].ask(request_)


def test_the_end_comes_after_the_answer_or_before_it(pairs: Pairs) -> None:
    journal = pairs[scoped].ask("GET /both").journal
    kept = [
        line.split(" [")[0].replace("'", "") for line in journal if "clos" in line or "sent" in line
    ]
    assert kept == [
        *("d closes", "d closed", "b closes", "b closed"),
        *("sent http.response.start", "sent http.response.body"),
        *("c closes", "c closed", "a closes", "a closed"),
    ]  # fmt: skip


def test_a_generator_on_threads_loses_its_own_mark(pairs: Pairs) -> None:
    journal = pairs[ordinary].ask("GET /def").journal
    assert "marked [worker, last]" in journal
    assert any(line.startswith("last closes '") and "'last'" not in line for line in journal)
