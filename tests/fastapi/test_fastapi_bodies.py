"""JSON bodies: models and what is none, one and several, what is not JSON or does not say so, and odd values."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from fastapi import Body, Depends, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

from asked import Asked, ask
from comparing import MakeApp, Pairs, each
from journal import note


class Tag(BaseModel):
    name: str
    weight: float = 1.0


class Item(BaseModel):
    name: str = Field(min_length=1, max_length=20)
    price: Decimal = Field(gt=0)
    tags: list[Tag] = []
    note: str | None = Field(None, alias="remark")
    at: datetime | None = None

    @model_validator(mode="after")
    def not_both(self) -> "Item":
        if self.name == "free" and self.price > 1:
            raise ValueError("not free")
        return self


class User(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    age: int
    name: str = "nobody"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    barks: bool


@dataclass
class Point:
    x: int
    y: int = 0
    more: list[int] = field(default_factory=list)


@pydantic_dataclass
class Checked:
    x: int = Field(gt=1)


class Typed(TypedDict, total=False):
    a: int


def bodies() -> FastAPI:
    """POST /KIND shows what a body becomes; PUT does the same with embed=True."""
    app = FastAPI()
    kinds: dict[str, Any] = {
        "item": Item,
        "optional": Item | None,
        "user": User,
        "union": Cat | Dog,
        "discriminated": Annotated[Cat | Dog, Field(discriminator="kind")],
        "point": Point,
        "checked": Checked,
        "typed": Typed,
        "root": RootModel[list[int]],
        "list": list[int],
        "items": list[Item],
        "dict": dict[str, float],
        "any": Any,
        "bare-dict": dict,
    }
    for name, kind in kinds.items():
        _add(app, name, kind, Body())
    for name, kind in {
        "int": int,
        "str": str,
        "float": float,
        "none": int | None,
        "bytes": bytes,
    }.items():
        _add(app, name, kind, Body())
    return app


def _add(app: FastAPI, name: str, kind: Any, body: Any) -> None:
    async def endpoint(v):  # type: ignore[no-untyped-def]
        note("called", v)
        return v

    def embedded(v):  # type: ignore[no-untyped-def]
        note("called", v)
        return {"v": v}

    endpoint.__annotations__ = {"v": Annotated[kind, body]}
    embedded.__annotations__ = {"v": Annotated[kind, Body(embed=True)]}
    app.post(f"/{name}")(endpoint)
    app.put(f"/{name}")(embedded)


ITEM = '{"name":"a","price":"1.50","tags":[{"name":"x"}],"remark":"r","at":"2026-11-30T10:00:00Z"}'
VALUES = [
    *("", " ", "null", "true", "0", "1", "-0", "1.5", "1e400", "-1e400", "NaN", "Infinity", "-Infinity"),
    *("9" * 30, "9" * 5000),
    *('""', '"a"', '"1"', "[]", "{}", "[1,2]", '["1",2]', "[1,[2]]", "[null]", '[{"name":"a","price":1}]'),
    *("{,}", "[1,]", "'a'"),
    *(ITEM, ITEM.replace("remark", "note"), ITEM.replace("1.50", "0"), ITEM.replace('"a"', '""')),
    ITEM.replace('"a"', '"free"'),
    *(ITEM[:-1], ITEM + "x", " \n" + ITEM + "\t", "\ufeff" + ITEM, ITEM.replace('"a"', '"\\ud800"')),
    ITEM.replace('"a"', '"\\u00e4"'),
    *('{"age":1}', '{"age":"1"}', '{"age":1,"z":2}', '{"age":1,"age":2}', '{"age":1.0}', '{"age":true}'),
    '{"age":9007199254740993}',
    *('{"kind":"cat","lives":9}', '{"kind":"dog","barks":"yes"}', '{"kind":"cow"}', '{"lives":1}', '{"kind":1}'),
    *('{"x":1}', '{"x":2,"y":"3","more":["4"]}', '{"x":"z"}', '{"a":"1"}', '{"a":1,"b":2}', '{"a":null}', '{"":1}'),
    *('{"v":1}', '{"v":"a"}', '{"v":null}', '{"v":[1]}', '{"v":' + ITEM + "}", '{"v":{"age":1}}', '{"w":1}'),
    '{"v":{"x":5}}',
    *("[" * 200 + "]" * 200, "[" * 100_000, '{"a":' * 300 + "1" + "}" * 300, '"\x00"', '{"a":"\x1f"}', "1 2"),
    *("//", "undefined"),
]  # fmt: skip
KINDS = [
    *("item", "optional", "user", "union", "discriminated", "point", "checked", "typed", "root", "list", "items"),
    *("dict", "any", "bare-dict", "int", "str", "float", "none", "bytes"),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_every_value(pairs: Pairs, kind: str) -> None:
    for method in ("POST", "PUT"):
        pairs[bodies].ask_all(
            ask(f"{method} /{kind}", "content-type: application/json", body=value)
            for value in VALUES
        )


def several() -> FastAPI:
    app = FastAPI()

    @app.put("/{number}")
    async def both(
        number: int,
        item: Item,
        user: User | None = None,
        q: str | None = None,
        importance: Annotated[int, Body(gt=0)] = 1,
    ) -> Any:
        return [number, item, user, q, importance]

    async def body_of(user: User) -> int:
        note("body_of", user)
        return user.age

    @app.post("/in-dependency")
    async def in_dependency(age: Annotated[int, Depends(body_of)]) -> int:
        return age

    @app.post("/in-both")
    async def in_both(user: User, age: Annotated[int, Depends(body_of)]) -> Any:
        return [user, age]

    @app.post("/two-names")
    async def two_names(person: User, age: Annotated[int, Depends(body_of)]) -> Any:
        return [person, age]

    @app.post("/alias")
    async def alias(v: Annotated[int, Body(alias="other", embed=True)]) -> int:
        return v

    @app.post("/default")
    def default(v: Annotated[list[int], Body()] = [1]) -> list[int]:  # noqa: B006
        v.append(len(v))
        return v

    @app.post("/query-list")
    async def query_list(v: list[int], w: Annotated[list[int], Query()] = [3]) -> Any:  # noqa: B006
        return [v, w]

    @app.get("/get")
    async def with_get(v: Item) -> Item:
        return v

    @app.delete("/delete")
    async def with_delete(v: Annotated[dict[str, int], Body()]) -> Any:
        return v

    @app.post("/raw")
    async def raw(request: Request) -> Any:
        body = await request.body()
        return [len(body), await request.json() if body else None]

    @app.post("/model-and-raw")
    async def model_and_raw(user: User, request: Request) -> Any:
        return [user, (await request.body()).decode(), await request.json()]

    @app.post("/stream")
    async def stream(request: Request) -> Any:
        return [part.decode() async for part in request.stream()]

    @app.post("/none")
    async def none() -> str:
        return "no body is read"

    return app


def loose() -> FastAPI:
    app = FastAPI(strict_content_type=False)
    _add(app, "user", User, Body())
    _add(app, "any", Any, Body())
    return app


TYPES = [
    *("application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/problem+json"),
    "application/+json",
    *("text/plain", "text/json", "application/jsonp", "application/x-www-form-urlencoded"),
    *("multipart/form-data", "json", "/", ""),
    *("application/json, text/plain", ";application/json", "application/json;", "application /json"),
    " application/json ",
    *("application/geo+json; q=1", "application/json\tx", "application/json\xff", '"application/json"'),
    "application//json",
]  # fmt: skip


@pytest.mark.parametrize("make_app", [bodies, loose])
@pytest.mark.parametrize("content_type", [None, *TYPES])
def test_what_says_that_it_is_json(
    pairs: Pairs, make_app: MakeApp, content_type: str | None
) -> None:
    lines = () if content_type is None else (f"content-type: {content_type}",)
    for body in ('{"age":1}', "{", "", "\xff", "a=1"):
        pairs[make_app].ask(ask("POST /user", *lines, body=body))
        pairs[make_app].ask(ask("POST /any", *lines, body=body))


def parts(*chunks: bytes, path: str = "POST /user", leaves: bool = False) -> Asked:
    return ask(path, "content-type: application/json", chunks=chunks, leaves=leaves)


RAW = [
    *(b"\xff", b'{"age":1,"name":"\xff"}', b'{"age":1,"name":"\xc3\xa4"}', b'\xff\xfe{\x00}\x00'),
    b'\xef\xbb\xbf{"age":1}',
    *('{"age":1}'.encode("utf-16"), '{"age":1}'.encode("utf-32-be"), '{"age":1,"name":"ä"}'.encode("latin-1")),
    *(b"\x00", b"\xed\xa0\x80"),
]  # fmt: skip
CASES = [
    *each(
        bodies,
        *(ask("POST /user", "content-type: application/json", body=raw.decode("latin-1")) for raw in RAW),
        *(parts(raw) for raw in RAW),
        parts(b'{"a', b'ge":', b"1}"),
        parts(b"", b'{"age":1}', b""),
        parts(b'{"age"', leaves=True),
        parts(leaves=True),
        ask("POST /user", "content-type: application/json"),
        ask("POST /user"),
        ask("POST /user", "content-type: application/json", "content-type: text/plain", body='{"age":1}'),
        ask("POST /user", "content-type: text/plain", "content-type: application/json", body='{"age":1}'),
        ask("POST /user?age=1", json={"age": 2, "name": "x" * 100_000}),
    ),
    *each(
        several,
        ask("PUT /1", json={"item": {"name": "a", "price": 1}}),
        ask("PUT /1?q=x", json={"item": {"name": "a", "price": 1}, "user": {"age": 1}, "importance": "5"}),
        ask("PUT /x", json={"item": {"name": ""}, "user": {}, "importance": 0}),
        ask("PUT /1", json={"name": "a", "price": 1}),
        *(ask("PUT /1", json=value) for value in (None, [], 1, "a", {}, [{"item": 1}])),
        ask("PUT /1"),
        ask("PUT /1", body="{}"),
        *(
            ask(f"POST /{path}", json={"age": 1})
            for path in ("in-dependency", "in-both", "two-names", "raw", "model-and-raw")
        ),
        *(
            ask(f"POST /{path}", json={"age": "x"})
            for path in ("in-dependency", "in-both", "two-names", "model-and-raw")
        ),
        ask("POST /two-names", json={"person": {"age": 1}, "user": {"age": 2}}),
        ask("POST /alias", json={"other": 1}),
        ask("POST /alias", json={"v": 1}),
        *(ask("POST /default", **given) for given in ({}, {"json": [5]}, {}, {"json": "x"}, {"json": None})),
        ask("POST /query-list?w=1&w=2", json=[1]),
        ask("POST /query-list", json={"v": [1]}),
        ask("GET /get", json={"name": "a", "price": 2}),
        ask("GET /get?name=a&price=2"),
        ask("DELETE /delete", json={"a": 1}),
        ask("DELETE /delete"),
        ask("POST /raw"),
        parts(b"[1", b"]", path="POST /raw"),
        parts(b'{"age"', b":1}", path="POST /model-and-raw"),
        parts(b"a", b"b", path="POST /stream"),
        parts(b"a", b"b", path="POST /stream", leaves=True),
        parts(b"a", path="POST /none", leaves=True),
        ask("POST /none", json={"a": 1}),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make_app", "request_"), CASES)
def test_bodies(pairs: Pairs, make_app: MakeApp, request_: Asked) -> None:
    pairs[make_app].ask(request_)


def test_no_content_type_is_refused(pairs: Pairs) -> None:
    assert pairs[bodies].ask(ask("POST /user", body='{"age":1}')).status == 422
    assert pairs[loose].ask(ask("POST /user", body='{"age":1}')).status == 200


def test_a_list_for_a_model_has_no_context(pairs: Pairs) -> None:
    body = pairs[bodies].ask(ask("POST /item", json=[])).body
    assert b'"type":"model_attributes_type"' in body and b'"ctx"' not in body


def test_a_bare_list_on_get_is_the_body(pairs: Pairs) -> None:
    def make_app() -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def endpoint(v: list[int]) -> list[int]:
            return v

        return app

    assert pairs[make_app].ask(ask("GET /?v=1")).status == 422
    assert pairs[make_app].ask(ask("GET /", json=[1])).body == b"[1]"


def test_a_bare_list_or_set_without_items_is_a_form(pairs: Pairs) -> None:
    def make_app() -> FastAPI:
        app = FastAPI()

        @app.post("/list")
        async def of_list(v: list) -> Any:  # type: ignore[type-arg]
            return v

        @app.post("/set")
        async def of_set(v: set) -> Any:  # type: ignore[type-arg]
            return sorted(v)

        return app

    form = "content-type: application/x-www-form-urlencoded"
    for path in ("list", "set"):
        pairs[make_app].ask(ask(f"POST /{path}", form, body="v=b&v=a"))
        pairs[make_app].ask(ask(f"POST /{path}", json=["a"]))
