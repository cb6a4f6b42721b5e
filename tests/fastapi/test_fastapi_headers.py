"""Header and cookie parameters: underscores, other names, repetition, odd bytes, models of them."""

from typing import Annotated, Any

import pytest
from fastapi import Cookie, Depends, FastAPI, Header, Request
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from asked import Asked, ask
from comparing import MakeApp, Pairs, each
from journal import note


def headers() -> FastAPI:
    app = FastAPI()

    @app.get("/plain")
    async def plain(
        x_token: Annotated[str, Header()],
        user_agent: Annotated[str | None, Header()] = None,
        host: Annotated[str, Header()] = "none",
    ) -> Any:
        return [x_token, user_agent, host]

    @app.get("/number")
    async def number(x_count: Annotated[int, Header(ge=1)] = 3) -> int:
        return x_count

    @app.get("/underscored")
    async def underscored(x_token: Annotated[str, Header(convert_underscores=False)]) -> str:
        return x_token

    @app.get("/alias")
    async def alias(v: Annotated[int, Header(alias="X-C")]) -> int:
        return v

    @app.get("/choices")
    async def choices(
        v: Annotated[int, Header(validation_alias=AliasChoices("X-A", "x_b"))],
    ) -> int:
        return v

    @app.get("/list")
    async def many(x_token: Annotated[list[str] | None, Header()] = None) -> Any:
        return x_token

    @app.get("/numbers")
    async def numbers(x_number: Annotated[set[int], Header()]) -> Any:
        return sorted(x_number)

    @app.get("/date")
    def standard(
        if_modified_since: Annotated[str | None, Header()] = None,
        accept: Annotated[list[str], Header()] = [],  # noqa: B006
    ) -> Any:
        return [if_modified_since, accept]

    @app.get("/all")
    async def everything(request: Request) -> Any:
        return [list(request.headers.items()), request.cookies]

    return app


def header_models() -> FastAPI:
    app = FastAPI()

    class Common(BaseModel):
        host: str
        save_data: bool = False
        if_modified_since: str | None = None
        traceparent: str | None = None
        x_tag: list[str] = []

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")
        host: str
        x_n: int = Field(1, alias="X-Number", gt=0)

    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        x_n: int

    @app.get("/common")
    async def common(h: Annotated[Common, Header()]) -> Common:
        return h

    @app.get("/strict")
    async def strict(h: Annotated[Strict, Header()]) -> Strict:
        return h

    @app.get("/open")
    async def open_(h: Annotated[Open, Header()]) -> Open:
        return h

    @app.get("/underscored")
    async def underscored(h: Annotated[Common, Header(convert_underscores=False)]) -> Common:
        return h

    @app.get("/optional")
    async def optional(h: Annotated[Open | None, Header()] = None) -> Any:
        return h

    return app


def cookies() -> FastAPI:
    app = FastAPI()

    class Session(BaseModel):
        model_config = ConfigDict(extra="forbid")
        session_id: str
        count: int = 0

    @app.get("/plain")
    async def plain(
        a: Annotated[str | None, Cookie()] = None, n: Annotated[int, Cookie(lt=5)] = 1
    ) -> Any:
        return [a, n]

    @app.get("/required")
    async def required(session_id: Annotated[str, Cookie(min_length=2)]) -> str:
        return session_id

    @app.get("/alias")
    async def alias(v: Annotated[str, Cookie(alias="session-id")]) -> str:
        return v

    @app.get("/list")
    async def many(v: Annotated[list[str], Cookie()] = []) -> Any:  # noqa: B006
        return v

    @app.get("/model")
    async def model(c: Annotated[Session, Cookie()]) -> Session:
        return c

    async def who(session_id: Annotated[str, Cookie()] = "nobody") -> str:
        note("who", session_id)
        return session_id

    @app.get("/dependency")
    def dependency(
        name: Annotated[str, Depends(who)], x_name: Annotated[str, Header()] = "-"
    ) -> Any:
        return [name, x_name]

    return app


def named(path: str, *header_lists: tuple[str | bytes, ...]) -> list[Asked]:
    return [ask(f"GET {path}", *lines) for lines in header_lists]


BYTES = (b"x-token: \xff\xfe", b"x-token: \xc3\xa4", b"x-token: a\tb", b"X-TOKEN:   spaces   ")
CASES = [
    *each(
        headers,
        *named("/plain", (), ("x-token: a",), ("x_token: a",), ("X-Token: ",), ("x-token: 1", "x-token: 2")),
        *named("/plain", ("x-token: a", "user-agent: b", "user-agent: c"), ("user-agent: b",)),
        *named("/plain", *((one,) for one in BYTES)),
        *named("/number", (), ("x-count: 5",), ("x-count: 0",), ("x-count: x",), ("x-count: 5", "x-count: x")),
        *named("/number", ("x-count:",)),
        *named("/underscored", ("x-token: a",), ("x_token: a",)),
        *named("/alias", (), ("x-c: 1",), ("X-C: y",), ("x_c: 1",)),
        *named("/choices", (), ("x-a: 1",), ("x_b: 2",), ("x-b: 2",), ("x-a: x", "x_b: 1")),
        *named("/list", (), ("x-token: a",), ("x-token: a", "x-token: b"), ("x-token: a, b",), ("x-token:",)),
        *named("/numbers", (), ("x-number: 1", "x-number: 1"), ("x-number: 2", "x-number: 1")),
        *named("/numbers", ("x-number: 1", "x-number: z")),
        *named("/date", (), ("if-modified-since: never", "accept: a", "accept: b")),
        *named("/all", ("a: 1", "b: 2", "a: 3", "cookie: a=1; b=2", "cookie: a=3")),
    ),
    *each(
        header_models,
        *named("/common", (), ("save-data: on", "x-tag: a", "x-tag: b", "other: 1"), ("save-data: maybe",)),
        *named("/common", ("save_data: on",)),
        *named("/strict", (), ("x-number: 0",), ("x-number: 2",), ("x-n: 2",)),
        *named("/strict", ("other: 1", "other: 2", "x-number: 2")),
        *named("/open", (), ("x-n: 1",), ("x-n: x", "other: 1"), ("x_n: 1",), ("x-n: 1", "other: 1", "other: 2")),
        *named("/underscored", (), ("save_data: on",), ("save-data: on",)),
        *named("/optional", (), ("x-n: 1",), ("x-n: x",)),
    ),
    *each(
        cookies,
        *named("/plain", (), ("cookie: a=1",), ("cookie: a=1; a=2",), ("cookie: a=1", "cookie: a=2")),
        *named("/plain", ("cookie: n=9; a=",)),
        *named("/plain", ("cookie: a",), ("cookie: a=b=c; n=x",), ('cookie: a="q\\"uo"; n=2',)),
        *named("/plain", ("cookie: ;;a=1;",), ("cookie:",)),
        *named("/plain", (b"cookie: a=\xff",), ("cookie: A=1; N=2",), ("cookie: a=%20; n=%31",)),
        *named("/plain", ("cookie: $a=1; a = 5 ; n = 2",)),
        *named("/required", (), ("cookie: session_id=a",), ("cookie: session_id=abc",), ("cookie: session-id=abc",)),
        *named("/alias", ("cookie: session-id=abc",), ("cookie: session_id=abc",)),
        *named("/list", (), ("cookie: v=1",), ("cookie: v=1; v=2",)),
        *named("/model", (), ("cookie: session_id=a; count=x",), ("cookie: session_id=a; count=1",)),
        *named("/model", ("cookie: session_id=a; z=1",)),
        *named("/dependency", (), ("cookie: session_id=me", "x-name: Jo"), ("x-name: Jo",)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make_app", "request_"), CASES)
def test_headers_and_cookies(pairs: Pairs, make_app: MakeApp, request_: Asked) -> None:
    pairs[make_app].ask(request_)


def test_which_of_the_repeated_counts(pairs: Pairs) -> None:
    twice = pairs[headers].ask(ask("GET /plain", "x-token: 1", "x-token: 2"))
    assert twice.body == b'["1",null,"shop.test:8000"]'
    assert pairs[cookies].ask(ask("GET /plain", "cookie: a=1; a=2")).body == b'["2",1]'


def test_a_wrong_header_is_told_by_its_alias(pairs: Pairs) -> None:
    assert b'"loc":["header","X-C"]' in pairs[headers].ask(ask("GET /alias", "x-c: y")).body
