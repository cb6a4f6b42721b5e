"""Path parameters: convertors, types, constraints, percent-encoded texts, and where a path begins and ends."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from fastapi import Depends, FastAPI, Path, Request
from pydantic import AfterValidator, AliasChoices, BeforeValidator

from asked import Asked, ask, gets
from comparing import MakeApp, Pairs, each
from journal import note
from scope_dump import note_scope


class Colour(Enum):
    red = "red"
    blue = "deep blue"


class Level(IntEnum):
    low = 1


def shout(value: str) -> str:
    if value == "no":
        raise ValueError("not that one")
    return value.upper()


def typed() -> FastAPI:
    """A route for each type that a path parameter may have."""
    app = FastAPI()
    kinds: list[Any] = [
        *(int, float, bool, str, bytes, Decimal, UUID, date, datetime, time, timedelta),
        *(Colour, Level, Literal["a", "b"], Literal[1, 2], int | str, int | None, Any),
    ]
    for number, kind in enumerate(kinds):

        def endpoint(v):  # type: ignore[no-untyped-def]
            note("called", v)
            return {"v": v, "type": type(v).__name__}

        endpoint.__annotations__ = {"v": kind}
        app.get(f"/{number}/{{v}}")(endpoint)
    return app


TEXTS = [
    *("1", "01", "-1", "+1", "%201", "1%20", "1_0", "1e3", "1.0", "1.5", "%D9%A3", "12345678901234567890123"),
    *("true", "False", "on", "yes", "2", "nan", "inf", "-inf", "", "a", "red", "deep%20blue", "RED", "None", "null"),
    *("%FF", "%C3%A4", "ä", "%00", "%0A", "%2F", "a%2Fb", "a+b", "%25", "%2541", "a;b", "a:b", "..", "."),
    *("2026-02-29", "2024-02-29", "2024-02-29T12:00:00Z", "2024-02-29T12:00:00+02:00", "1700000000", "12:30"),
    "P1DT2S",
    *("6fa459ea-ee8a-3ca4-894e-db77e160355e", "6fa459eaee8a3ca4894edb77e160355e"),
    "%7B6fa459eaee8a3ca4894edb77e160355e%7D",
]  # fmt: skip


@pytest.mark.parametrize("number", range(18))
def test_every_type_of_every_text(pairs: Pairs, number: int) -> None:
    pairs[typed].ask_all(f"GET /{number}/{text}" for text in TEXTS)


def convertors() -> FastAPI:
    """Starlette's convertors, with the types that FastAPI makes of what they give."""
    app = FastAPI()

    @app.get("/int/{v:int}")
    async def of_int(v: int) -> dict[str, int]:
        return {"v": v}

    @app.get("/int-as-text/{v:int}")
    async def int_as_text(v: str) -> dict[str, str]:
        return {"v": v}

    @app.get("/float/{v:float}")
    async def of_float(v: float) -> dict[str, float]:
        return {"v": v}

    @app.get("/float-as-int/{v:float}")
    def float_as_int(v: int) -> dict[str, int]:
        return {"v": v}

    @app.get("/uuid/{v:uuid}")
    async def of_uuid(v: UUID) -> dict[str, UUID]:
        return {"v": v}

    @app.get("/uuid-as-text/{v:uuid}")
    async def uuid_as_text(v: str) -> dict[str, str]:
        return {"v": v}

    @app.get("/path/{v:path}")
    async def of_path(v: str) -> dict[str, str]:
        return {"v": v}

    @app.get("/path-inside/{v:path}/end")
    async def path_inside(v: str) -> dict[str, str]:
        return {"v": v}

    @app.get("/parts/{a}-{b}.{c:int}")
    async def parts(a: str, b: str, c: int) -> list[Any]:
        return [a, b, c]

    @app.get("/two/{a}/{b}")
    async def two(b: int, a: str) -> list[Any]:
        return [a, b]

    @app.get("/unnamed/{v}")
    async def unnamed() -> str:
        return "nothing is asked for"

    @app.get("/unnamed-int/{v:int}")
    async def unnamed_int(request: Request) -> None:
        note_scope(request.scope)

    return app


def constrained() -> FastAPI:
    app = FastAPI()

    @app.get("/between/{v}")
    async def between(v: Annotated[int, Path(gt=1, le=9, multiple_of=3)]) -> int:
        return v

    @app.get("/pattern/{v}")
    async def pattern(v: Annotated[str, Path(pattern="^[a-z]+$", max_length=3)]) -> str:
        return v

    @app.get("/alias/{item-id}", name="with a hyphen, which is no parameter")
    async def hyphen() -> str:
        return "literal"

    @app.get("/renamed/{item_id}")
    async def renamed(v: Annotated[int, Path(alias="item_id")]) -> int:
        return v

    @app.get("/choices/{b}")
    async def choices(v: Annotated[int, Path(validation_alias=AliasChoices("a", "b"))]) -> int:
        return v

    @app.get("/before/{v}")
    async def before(v: Annotated[str, BeforeValidator(shout), AfterValidator(shout)]) -> str:
        return v

    async def length(v: str) -> int:
        note("length", v)
        return len(v)

    @app.get("/shared/{v}")
    async def shared(v: int, n: Annotated[int, Depends(length)]) -> list[int]:
        return [v, n]

    @app.get("/sum/{v}")
    async def sum_(v: Annotated[float, Path(allow_inf_nan=False)]) -> float:
        return v

    @app.get("/strict/{v}")
    async def strict(v: Annotated[int, Path(strict=True)]) -> int:
        return v

    return app


PLACES = [
    *each(convertors, "GET /int/" + "9" * 5000, "GET /float/" + "9" * 400),
    *each(
        convertors,
        *gets(
            """
            /int/5 /int/007 /int/-5 /int/5.0 /int/ /int/%35 /int/5%0A /int/%D9%A3 /int/ /int-as-text/007
            /int-as-text/x /float/1.50 /float/1 /float/.5 /float/1e3 /float-as-int/2.0 /float-as-int/2.5
            /float/ /uuid/6fa459ea-ee8a-3ca4-894e-db77e160355e /uuid/6FA459EAEE8A3CA4894EDB77E160355E
            /uuid/6fa459ea /uuid-as-text/6FA459EAEE8A3CA4894EDB77E160355E /path/ /path /path/a/b//c/ /path//
            /path/a%0Ab /path/%2e%2e/x /path-inside/a/b/end /path-inside//end /path-inside/end
            /path-inside/a/end/end /parts/x-y.5 /parts/x-y-z.5 /parts/x-y.z /parts/-.5 /parts/x-y.5.6
            /two/a/5 /two/a/b /two/a /two//5 /two/a/5/ //two/a/5 /unnamed/x /unnamed/ /unnamed-int/7
            /unnamed/a%2Fb /two/a%2F5/6 /two/a/5?a=b&b=6 /two/%FF/1 /two/\xff/1 /two/\xc3\xa4/1 /two/%zz/1
            """
        ),
    ),
    *each(
        constrained,
        *gets(
            """
            /between/3 /between/1 /between/4 /between/12 /between/x /pattern/abc /pattern/abcd /pattern/AB
            /pattern/ab%0A /alias/{item-id} /alias/5 /renamed/5 /renamed/x /choices/1 /choices/x /before/hey
            /before/no /before/NO /shared/5 /shared/x /sum/1.5 /sum/nan /sum/inf /strict/5
            """
        ),
        ask("GET /between/3", root_path="/api"),
        ask("GET /nowhere/3", root_path="/api"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make_app", "request_"), PLACES)
def test_paths(pairs: Pairs, make_app: MakeApp, request_: Asked) -> None:
    pairs[make_app].ask(request_)


@pytest.mark.parametrize("text", [" 5", "+5", "5.0", "1_000", "007"])
def test_an_int_may_be_written_so(pairs: Pairs, text: str) -> None:
    record = pairs[typed].ask(f"GET /0/{text.replace(' ', '%20')}")
    assert record.body == b'{"v":%d,"type":"int"}' % int(float(text))


@pytest.mark.parametrize("text", ["1e3", "%D9%A3", "5.5", "", "0x5"])
def test_an_int_may_not_be_written_so(pairs: Pairs, text: str) -> None:
    assert pairs[typed].ask(f"GET /0/{text}").status in (422, 404)
