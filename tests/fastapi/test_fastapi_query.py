"""Query parameters: what repeats, is blank, is missing or has other names; defaults, lists, models."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from fastapi import Depends, FastAPI, Query, Request
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, Json, field_validator

from asked import Asked, gets
from comparing import MakeApp, Pairs, compare, each
from journal import note


class Colour(Enum):
    red = "red"
    blue = "blue"


class Number(IntEnum):
    one = 1


class PlainNumber(Enum):
    one = 1


class BoolLike(Enum):
    yes = True


def typed() -> FastAPI:
    """A route for each type; every answer shows what came and of which type it is."""
    app = FastAPI()
    kinds: list[Any] = [
        *(int, float, bool, str, bytes, Decimal, UUID, datetime, timedelta, Colour, Number, BoolLike),
        *(Literal["a", "b"], Literal[1, 2], int | None, str | None, int | str, float | bool | None, Any, object),
        *(list[int], list[str], set[int], tuple[int, ...], tuple[int, str], frozenset[str], list[int] | None),
        *(list[Colour], list[list[int]] | None, Sequence[int], list[int | None], Json[list[int]], Json, PlainNumber),
    ]  # fmt: skip
    for number, kind in enumerate(kinds):

        async def endpoint(v):  # type: ignore[no-untyped-def]
            shown = sorted(v, key=repr) if isinstance(v, set | frozenset) else v
            note("called", type(v).__name__, shown)
            return repr(shown)

        endpoint.__annotations__ = {"v": Annotated[kind, Query()]}
        try:
            app.get(f"/{number}")(endpoint)
        except AssertionError:
            # Some of these FastAPI itself refuses.
            continue
    return app


KINDS = 34
QUERIES = [
    *("", "v", "v=", "v=1", "v=1&v=2", "v=2&v=1&v=x", "v=&v=", "V=1", "w=1", "v=%201%20", "v=+1", "v=%2B1", "v=1.0"),
    *("v=1.5", "v=1e3", "v=true", "v=True", "v=on", "v=off", "v=0", "v=nan", "v=inf", "v=a", "v=red", "v=red&v=blue"),
    *("v=None", "v=null", "v=[1,2]", "v=%5B1%2C2%5D", "v=%7B", "v=1,2", "v[]=1", "v=%FF", "v=%C3%A4", "v=\xe4"),
    *("v=%00", "v=a%0Ab", "&&v=1&&", "v=1;v=2", "v==1", "=1", "v=1#x", "%76=1", "v=%zz", "v=9" + "9" * 60),
    *("v=2026-11-30T10:00:00Z", "v=1700000000", "v=P1D", "v=6fa459ea-ee8a-3ca4-894e-db77e160355e"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(KINDS))
def test_every_type_of_every_query(pairs: Pairs, number: int) -> None:
    pairs[typed].ask_all(f"GET /{number}?{query}" for query in QUERIES)


def defaults() -> FastAPI:
    app = FastAPI()
    calls: list[int] = []

    def counted() -> int:
        calls.append(1)
        return len(calls)

    @app.get("/plain")
    async def plain(a: int, b: int = 5, c: str | None = None, d: bool = False) -> list[Any]:
        return [a, b, c, d]

    @app.get("/factory")
    async def factory(v: Annotated[int, Query(default_factory=counted)]) -> list[int]:
        return [v, len(calls)]

    @app.get("/mutable")
    async def mutable(v: Annotated[list[int], Query()] = [7]) -> list[int]:  # noqa: B006
        v.append(len(v))
        return v

    @app.get("/nested")
    async def nested(v: Annotated[list[int], Query(default_factory=list)]) -> list[int]:
        v.append(1)
        return v

    @app.get("/validated")
    async def validated(v: Annotated[int, Query(validate_default=True, gt=3)] = 2) -> int:
        return v

    @app.get("/invalid-default")
    async def invalid_default(v: Annotated[int, Query(gt=3)] = 2) -> int:
        return v

    @app.get("/wrong-type")
    async def wrong_type(v: int = None) -> Any:  # type: ignore[assignment]  # noqa: RUF013
        return [v]

    @app.get("/required-optional")
    async def required_optional(v: Annotated[int | None, Query()]) -> Any:
        return [v]

    @app.get("/object")
    def default_object(v: Colour = Colour.red, n: Number = Number.one) -> list[Any]:
        return [v, n]

    return app


def named() -> FastAPI:
    app = FastAPI()

    @app.get("/alias")
    async def alias(v: Annotated[int, Query(alias="item-query")]) -> int:
        return v

    @app.get("/validation-alias")
    async def validation_alias(v: Annotated[int, Query(validation_alias="vv")] = 1) -> int:
        return v

    @app.get("/choices")
    async def choices(v: Annotated[int, Query(validation_alias=AliasChoices("a", "b"))]) -> int:
        return v

    @app.get("/choices-list")
    async def choices_list(
        v: Annotated[list[int], Query(validation_alias=AliasChoices("a", "b"))] = [],  # noqa: B006
    ) -> list[int]:
        return v

    @app.get("/same-name-twice")
    async def twice(
        v: Annotated[int, Query(alias="x")], w: Annotated[str, Query(alias="x")]
    ) -> list[Any]:
        return [v, w]

    @app.get("/keywords")
    async def keywords(class_: Annotated[str, Query(alias="class")] = "none", *, only: int) -> Any:
        return [class_, only]

    @app.get("/hidden")
    async def hidden(v: Annotated[int, Query(include_in_schema=False, deprecated=True)] = 1) -> int:
        return v

    @app.get("/constrained")
    async def constrained(
        n: Annotated[int, Query(ge=1, lt=10)] = 1,
        t: Annotated[str, Query(min_length=2, max_length=4, pattern="^[a-z]*$")] = "ab",
        many: Annotated[list[int], Query(min_length=1, max_length=2)] = [1],  # noqa: B006
    ) -> Any:
        return [n, t, many]

    return app


def models() -> FastAPI:
    app = FastAPI()

    class Filter(BaseModel):
        limit: int = Field(100, gt=0, le=100)
        order_by: Literal["created", "updated"] = "created"
        tags: list[str] = []
        since: datetime | None = None

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")
        limit: int
        tags: list[int] = Field(default_factory=list, alias="tag")

    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        limit: int = 1

    class ByName(BaseModel):
        model_config = ConfigDict(populate_by_name=True)
        page_size: int = Field(10, alias="pageSize")
        q: str = Field("", validation_alias=AliasChoices("q", "query"))
        first: str | None = Field(None, validation_alias=AliasPath("rows", 0))

        @field_validator("q")
        @classmethod
        def no_stars(cls, value: str) -> str:
            if "*" in value:
                raise ValueError("no stars")
            return value

    @app.get("/filter")
    async def by_filter(f: Annotated[Filter, Query()]) -> Filter:
        return f

    @app.get("/strict")
    async def by_strict(f: Annotated[Strict, Query()]) -> Strict:
        return f

    @app.get("/open")
    async def by_open(f: Annotated[Open, Query()]) -> Open:
        return f

    @app.get("/by-name")
    async def by_name(f: Annotated[ByName, Query()]) -> ByName:
        return f

    @app.get("/optional")
    async def optional(f: Annotated[Filter | None, Query()] = None) -> Any:
        return f

    @app.get("/beside")
    async def beside(f: Annotated[Filter, Query()], limit: int = 3, other: str = "") -> Any:
        return [f, limit, other]

    @app.get("/depends")
    async def depends(f: Annotated[Filter, Depends()]) -> Any:
        return f

    @dataclass
    class Page:
        number: int = 1
        size: Annotated[int, Query(le=50)] = 10

    @app.get("/class")
    def of_class(page: Annotated[Page, Depends()]) -> Page:
        return page

    return app


def whole() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def show(request: Request) -> Any:
        return [list(request.query_params.multi_items()), str(request.url)]

    return app


MORE = [
    *each(
        defaults,
        *gets(
            """
            /plain?a=1 /plain /plain?a=1&b=&c=&d= /plain?a=x&b=x&c=x&d=x /plain?b=6 /factory?v=9 /validated
            /validated?v=9 /invalid-default /invalid-default?v=1 /wrong-type /wrong-type?v=1
            /required-optional /required-optional?v= /object /object?v=blue&n=1 /object?n=2
            """
        ),
    ),
    *each(
        named,
        *gets(
            """
            /alias?item-query=1 /alias?v=1 /alias?item-query=x /alias?item_query=1 /validation-alias?vv=2
            /validation-alias?v=2 /validation-alias?vv=x /choices?a=1 /choices?b=2 /choices?b=2&a=1 /choices
            /choices?b=x /choices?v=1 /choices-list?b=1&b=2 /choices-list?a=1&b=2 /choices-list
            /choices-list?a=x /same-name-twice?x=1 /same-name-twice /same-name-twice?x=a
            /same-name-twice?x=1&x=2 /keywords?class=a&only=1 /keywords?only=1 /keywords /hidden?v=2
            /constrained /constrained?n=10&t=a&many=1&many=2&many=3 /constrained?n=0&t=ABC /constrained?t=
            """
        ),
    ),
    *each(
        models,
        *gets(
            """
            /filter /filter?limit=0&order_by=x&tags=a&tags=b&since=x /filter?tags=a&tags=b&other=1
            /filter?limit=1&limit=2 /filter?since=2026-01-01T00:00:00Z /filter?limit= /strict
            /strict?limit=1&tag=1&tag=2 /strict?limit=1&tags=1 /strict?limit=x&more=1&more=2
            /open?a=1&a=2&b=&limit=2 /open /by-name?pageSize=1&query=x /by-name?page_size=1&q=*
            /by-name?rows=a&rows=b /by-name?pageSize=x&page_size=2 /optional /optional?limit=1
            /optional?limit=x /optional?other=1 /beside?limit=5&other=x /beside?limit=500 /depends?limit=1
            /depends?limit=x /depends /class?number=2&size=51 /class?size=5
            """
        ),
    ),
    *each(whole, *gets("/?a=1&b=&c&a=2&%C3%A4=\xe4+%2B /? /?a=%F0%9F%98%80&b=%F0%9F")),
]  # fmt: skip


@pytest.mark.parametrize(("make_app", "request_"), MORE)
def test_queries(pairs: Pairs, make_app: MakeApp, request_: Asked) -> None:
    pairs[make_app].ask(request_)


def test_defaults_of_one_request_are_not_the_nexts() -> None:
    records = compare(
        defaults,
        *gets(
            "/mutable /mutable /mutable?v=1 /mutable /nested /nested /factory /factory /factory?v=1"
        ),
    )
    assert [record.body for record in records[:4]] == [b"[7,1]", b"[7,1]", b"[1,1]", b"[7,1]"]
    assert [record.body for record in records[4:6]] == [b"[1]", b"[1]"]


@pytest.mark.parametrize("target", ["/13?v=1", "/33?v=1", "/11?v=True"])
def test_text_is_no_literal_number_nor_the_value_of_a_plain_enum(pairs: Pairs, target: str) -> None:
    assert pairs[typed].ask(f"GET {target}").status == 422


def test_the_last_of_repeated_values_counts(pairs: Pairs) -> None:
    assert pairs[typed].ask("GET /0?v=1&v=2").body == b'"2"'
    assert pairs[typed].ask("GET /14?v=").status == 422
