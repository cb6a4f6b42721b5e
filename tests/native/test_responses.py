"""Responses, their headers and cookies, exceptions, and what becomes JSON: as objects, without a server."""

from __future__ import annotations

import pathlib
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from http import HTTPStatus
from typing import Any
from uuid import UUID

import pytest

from turbo_shard import (
    HTMLResponse,
    HTTPException,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from turbo_shard.native.errors import InputError
from turbo_shard.native.headers import Headers, MutableHeaders, QueryParams
from turbo_shard.native.json_fallback import json_fallback
from turbo_shard.native.response import PlainTextResponse

Pair = namedtuple("Pair", "x y")


def said(response: Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    return response.status_code, response.body, response.headers.multi_items()


@pytest.mark.parametrize(
    ("response", "wanted"),
    [
        (Response(), (200, b"", [])),
        (Response(b"a", 201), (201, b"a", [])),
        (Response("é", media_type="text/csv"), (200, "é".encode(), [("content-type", "text/csv; charset=utf-8")])),
        (Response("x", headers={"Content-Type": "a/b"}, media_type="text/csv"), (200, b"x", [("Content-Type", "a/b")])),
        (Response(bytearray(b"a"), headers=[("a", "1"), ("a", "2")]), (200, b"a", [("a", "1"), ("a", "2")])),
        (PlainTextResponse("x"), (200, b"x", [("content-type", "text/plain; charset=utf-8")])),
        (HTMLResponse("x", 404), (404, b"x", [("content-type", "text/html; charset=utf-8")])),
        (JSONResponse(None), (200, b"null", [("content-type", "application/json")])),
        (JSONResponse({1: None}), (200, b'{"1":null}', [("content-type", "application/json")])),
        (RedirectResponse("/a b?c=é#d", 303), (303, b"", [("location", "/a%20b?c=%C3%A9#d")])),
        (RedirectResponse("https://example.com/%41"), (307, b"", [("location", "https://example.com/%41")])),
    ],
)  # fmt: skip
def test_response_says(
    response: Response, wanted: tuple[int, bytes, list[tuple[str, str]]]
) -> None:
    assert said(response) == wanted


def test_responses_of_what_they_cannot_hold_are_refused() -> None:
    with pytest.raises(TypeError, match="made of str or bytes, not of dict"):
        Response({})
    with pytest.raises(TypeError, match="cannot make JSON"):
        JSONResponse(object())
    with pytest.raises(ValueError, match="300 to 399"):
        RedirectResponse("/", 200)
    with pytest.raises(TypeError, match="by the letter"):
        StreamingResponse("text")
    with pytest.raises(TypeError, match="not of int"):
        StreamingResponse(5)  # type: ignore[arg-type]


def test_stream_knows_whether_it_is_awaited() -> None:
    async def pieces() -> Any:
        yield b""

    assert StreamingResponse(pieces()).is_async
    assert not StreamingResponse([b"a"]).is_async
    assert (
        StreamingResponse([b""], media_type="text/plain")
        .headers["content-type"]
        .startswith("text/")
    )


def cookie(**options: Any) -> str:
    response = Response()
    response.set_cookie("name", **options)
    return response.headers["set-cookie"]


def test_cookies_are_written() -> None:
    assert cookie(value="v") == "name=v; Path=/; SameSite=lax".replace("lax", "Lax")
    assert cookie(
        value="a b;é", max_age=5, path="/x", domain="example.com", secure=True, httponly=True, samesite="none"
    ) == (
        'name="a b\\073\\351"; Max-Age=5; Domain=example.com; Path=/x; Secure; HttpOnly; SameSite=None'
    )  # fmt: skip
    moment = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (
        cookie(expires=moment, path=None, samesite=None)
        == "name=; Expires=Wed, 02 Jan 2030 03:04:05 GMT"
    )
    response = Response()
    response.set_cookie("a", "1")
    response.delete_cookie("b")
    first, second = response.headers.getlist("set-cookie")
    assert first.startswith("a=1;")
    assert second.startswith("b=; Max-Age=0; Expires=")


@pytest.mark.parametrize(
    "options",
    [
        {"path": "/;x"},
        {"domain": "a\r\nb"},
        {"expires": "x;y"},
        {"samesite": "maybe"},
        {"value": "\u20ac"},
    ],
)
def test_cookies_that_would_say_something_else_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        cookie(**options)
    with pytest.raises(ValueError, match="name of a cookie"):
        Response().set_cookie("a=b", "")


@pytest.mark.parametrize("options", [{"value": 5}, {"max_age": 1.5}, {"max_age": timedelta(1)}])
def test_cookies_of_other_types_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"a cookie's .* is an? (str|int)"):
        cookie(**options)


def test_headers_compare_without_case_and_keep_all_values() -> None:
    headers = Headers([("X-A", "1"), ("x-b", "2"), ("x-a", "3")])
    assert (headers["x-A"], headers.getlist("X-a"), headers.get("none", "-")) == (
        "1",
        ["1", "3"],
        "-",
    )
    assert ("X-B" in headers, 5 in headers, len(headers), list(headers)) == (
        True,
        False,
        2,
        ["x-a", "x-b"],
    )
    mutable = MutableHeaders(headers.multi_items())
    mutable["X-a"] = "4"
    mutable.append("x-b", "5")
    assert mutable.multi_items() == [("x-b", "2"), ("X-a", "4"), ("x-b", "5")]
    del mutable["absent"]
    with pytest.raises(KeyError):
        headers["absent"]


def test_query_gives_the_last_of_a_name() -> None:
    query = QueryParams([("a", "1"), ("b", ""), ("a", "2")])
    assert (query["a"], query.getlist("a"), len(query), dict(query)) == (
        "2",
        ["1", "2"],
        2,
        {"a": "2", "b": ""},
    )
    assert "A" not in query


def test_http_exception_has_the_phrase_of_its_status() -> None:
    assert HTTPException(404).detail == "Not Found"
    assert HTTPException(599).detail == "Status 599"
    named = HTTPException(HTTPStatus.NOT_FOUND)
    assert (named.status_code, type(named.status_code), named.detail) == (404, int, "Not Found")
    assert str(HTTPException(403, "no", headers={"a": "b"})) == "403: no"
    for status in (99, 100, 199, 600, "404", True):
        with pytest.raises(ValueError, match="200 to 599"):
            HTTPException(status)  # type: ignore[arg-type]


def test_input_error_is_a_value_error_that_says_where() -> None:
    error = InputError([{"type": "t", "loc": ["a", 0], "msg": "wrong", "input": 1}])
    assert str(error.under("body")) == "body.a.0: wrong"
    assert isinstance(error, ValueError)


class Colour(Enum):
    RED = Decimal("1.5")


class Word(StrEnum):
    A = "a"


class Number(IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


@dataclass
class Point:
    x: int
    y: Any


class Model:
    def model_dump(self, *, mode: str, by_alias: bool) -> dict[str, str | bool]:
        return {"mode": mode, "by_alias": by_alias}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (Colour.RED, Decimal("1.5")),
        (Word.A, "a"),
        (Number.ONE, 1),
        (Text("t"), "t"),
        (OrderedDict(a=1), {"a": 1}),
        (Pair(1, 2), [1, 2]),
        (deque([1]), [1]),
        ({1}, [1]),
        (frozenset([1]), [1]),
        (b"abc", "abc"),
        (datetime(2024, 1, 2, 3, 4, 5, 6, UTC), "2024-01-02T03:04:05.000006+00:00"),
        (date(2024, 1, 2), "2024-01-02"),
        (time(3, 4), "03:04:00"),
        (timedelta(minutes=1.5), 90.0),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.10"), 1.1),
        (Decimal("3"), 3),
        (Decimal("1E+2"), 100),
        (pathlib.PurePosixPath("/a"), "/a"),
        (pathlib.Path("b"), "b"),
        (Point(1, {2}), {"x": 1, "y": {2}}),
        (Model(), {"mode": "json", "by_alias": True}),
    ],
)
def test_fallback_makes_values_simpler(value: Any, wanted: Any) -> None:
    made = json_fallback(value)
    assert made == wanted
    assert type(made) is type(wanted)


@pytest.mark.parametrize(
    "value",
    [object(), Point, Model, 1j, iter([]), *map(Decimal, ("NaN", "sNaN", "Infinity", "-Infinity"))],
)
def test_fallback_refuses_what_it_does_not_know(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot make JSON of"):
        json_fallback(value)


def test_fallback_says_what_was_meant() -> None:
    for value, advice in [
        (iter([]), "StreamingResponse"),
        (HTTPException(404), "raised, not returned"),
        (Point, "not an instance"),
    ]:
        with pytest.raises(TypeError, match=advice):
            json_fallback(value)
