"""dependency_overrides: set before the start, between requests, by a request, taken back; of every kind of callable."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Header, Request, Response, Security
from fastapi.responses import PlainTextResponse
from fastapi.security import SecurityScopes

from asked import ask
from comparing import compare
from journal import note


def overridden() -> FastAPI:
    app = FastAPI()

    @app.get("/one")
    async def one(v: Annotated[int, Depends(original)], w: Annotated[int, Depends(below)]) -> Any:
        note("endpoint")
        return [v, w]

    @app.get("/security", dependencies=[Security(original, scopes=["a"])])
    def other() -> str:
        return "other"

    return app


def original(n: int = 1) -> int:
    note("original", n)
    return n


async def below(v: Annotated[int, Depends(original)]) -> int:
    note("below", v)
    return v


async def instead(m: int = 2) -> int:
    note("instead", m)
    return m


def opened() -> Any:
    note("opened")
    yield 7
    note("closed")


def with_scopes(wanted: SecurityScopes, request: Request) -> int:
    note("with_scopes", wanted.scopes, request.url.path)
    return 1


def override(call: Any) -> Callable[[FastAPI], None]:
    def act(app: FastAPI) -> None:
        app.dependency_overrides[original] = call

    return act


def test_overrides_that_come_and_go() -> None:
    def reset(app: FastAPI) -> None:
        app.dependency_overrides = {}

    records = compare(
        overridden,
        *("GET /one", "GET /security", override(instead), "GET /one", "GET /one?m=x", "GET /one?n=x"),
        "GET /security",
        *(override(opened), "GET /one", "GET /security", override(with_scopes), "GET /one", "GET /security"),
        *(lambda app: app.dependency_overrides.clear(), "GET /one?n=9", override(lambda: 3), "GET /one", reset),
        "GET /one",
        *(override(below), "GET /one"),
    )  # fmt: skip
    assert [record.body for record in records[:3]] == [b"[1,1]", b'"other"', b"[2,2]"]


def test_overrides_before_the_start() -> None:
    def make_app() -> FastAPI:
        app = overridden()
        override(instead)(app)
        return app

    records = compare(
        make_app, "GET /one", lambda app: app.dependency_overrides.clear(), "GET /one"
    )
    assert [record.body for record in records] == [b"[2,2]", b"[1,1]"]


def test_overrides_of_one_request_by_another() -> None:
    def make_app() -> FastAPI:
        app = overridden()

        @app.post("/override")
        async def change() -> str:
            override(instead)(app)
            return "done"

        return app

    records = compare(make_app, "GET /one", "POST /override", "GET /one")
    assert [record.body for record in records] == [b"[1,1]", b'"done"', b"[2,2]"]


# Overrides that come while dependencies are called.


def overridden_on_the_way() -> FastAPI:
    app = FastAPI(dependencies=[])

    async def original(q: int = 1) -> Any:
        note("original")
        return ["original", q]

    def replacement(x_token: Annotated[str, Header()]) -> Any:
        note("replacement")
        return ["replacement", x_token]

    async def first() -> str:
        note("first")
        return "first"

    async def configure(one: Annotated[str, Depends(first)], response: Response) -> None:
        note("configure")
        response.headers["x-configured"] = one
        app.dependency_overrides[original] = replacement

    def configure_on_thread() -> None:
        app.dependency_overrides[original] = replacement

    @app.post("/plain")
    async def plain(
        body: dict[str, int],
        one: Annotated[str, Depends(first)],
        _: Annotated[None, Depends(configure)],
        value: Annotated[Any, Depends(original)],
    ) -> Any:
        app.dependency_overrides.clear()
        return [body, one, value]

    @app.get("/request")
    async def with_request(
        request: Request,
        _: Annotated[None, Depends(configure)],
        value: Annotated[Any, Depends(original)],
        tasks: BackgroundTasks,
    ) -> list[Any]:
        app.dependency_overrides.clear()
        tasks.add_task(note, "task")
        return [request.url.path, value]

    @app.get("/thread")
    def on_thread(
        _: Annotated[None, Depends(configure_on_thread)],
        value: Annotated[Any, Depends(original)],
        tasks: BackgroundTasks,
    ) -> Any:
        app.dependency_overrides.clear()
        tasks.add_task(note, "task")
        return PlainTextResponse(str(value))

    return app


@pytest.mark.parametrize("token", [(), ("x-token: t",)])
def test_overrides_that_a_dependency_sets(token: tuple[str, ...]) -> None:
    compare(
        overridden_on_the_way,
        ask("POST /plain", *token, json={"a": 1}),
        ask("POST /plain", *token, json={"a": 1}),
        clear_overrides,
        ask("GET /request", *token),
        clear_overrides,
        ask("GET /thread", *token),
    )


def clear_overrides(app: FastAPI) -> None:
    app.dependency_overrides.clear()
