"""What endpoints return, with and without a return annotation or a response model, as bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import pytest
from fastapi import FastAPI
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    computed_field,
    field_serializer,
    model_serializer,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

from asked import Asked, gets
from comparing import MakeApp, Pairs, each
from journal import note


class Colour(Enum):
    red = "red"


class Level(IntEnum):
    low = 1


class Named(NamedTuple):
    a: int
    b: str


class Typed(TypedDict):
    a: int


@dataclass
class Plain:
    a: int
    b: list[int] = field(default_factory=list)


@pydantic_dataclass
class Checked:
    a: int


class Item(BaseModel):
    name: str
    price: Decimal = Decimal("9.90")
    at: datetime | None = None
    hidden: str = Field("x", exclude=True)
    other: int = Field(1, alias="otherName")


class Child(Item):
    more: int = 2


class Rooted(RootModel[list[int]]):
    pass


class Computed(BaseModel):
    a: int = 1

    @computed_field
    def double(self) -> int:
        note("double")
        return self.a * 2

    @field_serializer("a")
    def as_text(self, value: int) -> str:
        note("as_text")
        return str(value)


class Wrapped(BaseModel):
    a: int = 1

    @model_serializer
    def flat(self) -> str:
        return f"<{self.a}>"


class Row:
    """What an ORM gives."""

    def __init__(self) -> None:
        self.name = "row"
        self.price = Decimal(1)
        self._private = 1
        self._sa_instance_state = 2


class Keyed(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        return 1

    def __iter__(self) -> Any:
        return iter("ab")

    def __len__(self) -> int:
        return 2


class Strange:
    __slots__ = ()


def endless() -> Any:
    found: list[Any] = []
    found.append(found)
    return found


VALUES: dict[str, Any] = {
    "none": None, "true": True, "int": 1, "big": 2**70, "float": 1.5, "tiny": 0.00001, "large": 1e16,
    "nan": float("nan"), "inf": float("inf"), "minus": -0.0, "text": "ä\u2028\U0001f600\"\\\x00\x7f",
    "lone": "\ud800", "empty": "", "bytes": b"abc", "bad-bytes": b"\xff", "list": [1, "a", None, [2.0]],
    "tuple": (1, 2), "set": {1}, "frozen": frozenset({"a"}), "dict": {"a": 1, "b": {"c": []}},
    "int-keys": {1: 4, None: 3, 1.5: 5}, "tuple-keys": {(1, 2): 3}, "sa": {"_sa_x": 1, "b": 2}, "enum": Colour.red,
    "level": Level.low, "enum-keys": {Colour.red: 1, Level.low: 2}, "decimal": Decimal("9.90"),
    "whole-decimal": Decimal("9"), "odd-decimal": Decimal("NaN"), "days": timedelta(days=1, seconds=1),
    "short": timedelta(microseconds=1), "utc": datetime(2026, 11, 30, 10, tzinfo=UTC),
    "naive": datetime(2026, 11, 30, 10, 0, 0, 5), "date": date(2026, 1, 2), "time": time(1, 2, 3),
    "uuid": UUID(int=5), "path": PurePosixPath("/a/b"), "ip": ip_address("::1"), "named": Named(1, "b"),
    "plain": Plain(1), "checked": Checked(2), "item": Item(name="n"), "child": Child(name="c", more=3),
    "items": [Item(name="n"), Child(name="c")], "root": Rooted([1]), "computed": Computed(), "wrapped": Wrapped(),
    "row": Row(), "keyed": Keyed(), "strange": Strange(), "object": object(), "class": Item, "function": note,
    "secret": SecretStr("s"), "generator": "made below", "nested-model": {"a": Item(name="n"), 1: Plain(1)},
    "bytearray": bytearray(b"a"), "range": range(3), "complex": 1j, "endless": "made below",
    "exception": ValueError("v"), "typed": {"a": "1", "b": 2}, "wrong": {"name": 5},
    "attributes": {"name": "n", "price": "x"}, "alias": {"name": "n", "otherName": 5},
    "by-name": {"name": "n", "other": 5},
}  # fmt: skip
ANNOTATIONS: dict[str, Any] = {
    "none": None, "any": Any, "dict": dict, "typed-dict": dict[str, int], "list": list, "ints": list[int],
    "int": int, "str": str, "float": float, "bytes": bytes, "item": Item, "child": Child, "items": list[Item],
    "either": Item | Plain | None, "plain": Plain, "checked": Checked, "typed": Typed, "named": Named,
    "root": Rooted, "computed": Computed, "wrapped": Wrapped, "decimal": Decimal, "datetime": datetime,
    "timedelta": timedelta, "colour": Colour, "secret": SecretStr, "annotated": Annotated[int, Field(gt=1)],
}  # fmt: skip


def value_of(name: str) -> Any:
    if name == "generator":
        return (number for number in range(2))
    return endless() if name == "endless" else VALUES[name]


def answering(**settings: Any) -> FastAPI:
    """/V/x is what an endpoint without an annotation makes of the value; /V/NAME one with that annotation."""
    app = FastAPI()
    for name, annotation in {"x": None, **ANNOTATIONS}.items():
        _add(app, name, annotation, settings)
    return app


def _add(app: FastAPI, name: str, annotation: Any, settings: dict[str, Any]) -> None:
    async def endpoint(value: str):  # type: ignore[no-untyped-def]
        return value_of(value)

    def on_thread(value: str):  # type: ignore[no-untyped-def]
        return value_of(value)

    if name != "x":
        endpoint.__annotations__["return"] = annotation
        on_thread.__annotations__["return"] = annotation
    app.get(f"/{{value}}/{name}", **settings)(endpoint)
    app.get(f"/{{value}}/{name}/def", **settings)(on_thread)


@pytest.mark.parametrize("name", ["x", *ANNOTATIONS])
def test_every_annotation_of_every_value(pairs: Pairs, name: str) -> None:
    for end in ("", "/def"):
        pairs[answering].ask_all(f"GET /{value}/{name}{end}" for value in VALUES)


TABLE = [
    ("days", b"86401.0", b'"P1DT1S"'),
    ("decimal", b"9.9", b'"9.90"'),
    ("utc", b'"2026-11-30T10:00:00+00:00"', b'"2026-11-30T10:00:00Z"'),
    ("tiny", b"1e-05", b"0.00001"),
    ("int-keys", b'{"1":4,"null":3,"1.5":5}', b'{"1":4,"None":3,"1.5":5}'),
    ("sa", b'{"b":2}', b'{"_sa_x":1,"b":2}'),
]


@pytest.mark.parametrize(("value", "without", "with_any"), TABLE)
def test_any_return_annotation_makes_other_bytes(
    pairs: Pairs, value: str, without: bytes, with_any: bytes
) -> None:
    assert pairs[answering].ask(f"GET /{value}/x").body == without
    assert pairs[answering].ask(f"GET /{value}/any").body == with_any


def test_not_a_number(pairs: Pairs) -> None:
    assert pairs[answering].ask("GET /nan/x").status == 500
    assert pairs[answering].ask("GET /nan/any").body == b"null"


def test_an_answer_is_written_by_alias(pairs: Pairs) -> None:
    body = pairs[answering].ask("GET /item/item").body
    assert body == b'{"name":"n","price":"9.90","at":null,"otherName":1}'


class Deep(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    a: int = 1
    b: str | None = None
    c: list[Item] = []
    d: dict[str, Any] = {}
    e: int = Field(5, serialization_alias="eAlias", validation_alias="eIn")


def switches() -> FastAPI:
    app = FastAPI()
    models = {
        "unset": Deep(a=2), "none": Deep(b=None, d={"x": None}), "defaults": Deep(a=1, b="x"),
        "full": Deep(a=3, b="b", c=[Item(name="n", otherName=4)], d={"x": [1]}),
    }  # fmt: skip
    settings: list[dict[str, Any]] = [
        {}, {"include": {"a", "c"}}, {"include": ["a"]}, {"exclude": {"b"}}, {"exclude": {"c": {0: {"name"}}}},
        {"include": {"c": {"__all__": {"name"}}}, "exclude": {"d"}}, {"by_alias": False}, {"exclude_unset": True},
        {"exclude_none": True}, {"exclude_defaults": True},
        {"exclude_unset": True, "by_alias": False, "exclude": {"a"}},
    ]  # fmt: skip
    for number, switch in enumerate(settings):
        named = {f"response_model_{name}": value for name, value in switch.items()}
        for model in (Deep, Any, dict[str, Any], Deep | Item, None):
            shown = getattr(model, "__name__", str(model)).replace(" ", "")

            async def endpoint(value: str) -> Any:
                return models[value]

            def as_dict(value: str) -> Any:
                return models[value].model_dump(exclude_unset=True, by_alias=True)

            app.get(f"/{number}/{shown}/{{value}}", response_model=model, **named)(endpoint)
            app.get(f"/dict/{number}/{shown}/{{value}}", response_model=model, **named)(as_dict)
    return app


@pytest.mark.parametrize("value", ["unset", "none", "defaults", "full"])
def test_every_switch_of_a_response_model(pairs: Pairs, value: str) -> None:
    paths = [route.path for route in pairs[switches].app.routes[4:]]  # type: ignore[attr-defined]
    pairs[switches].ask_all(f"GET {path.replace('{value}', value)}" for path in paths)


def models() -> FastAPI:
    """Response models that are not the annotation, and values that do not fit."""
    app = FastAPI()

    class Public(BaseModel):
        name: str

    @app.get("/filtered", response_model=Public)
    async def filtered() -> Any:
        return Child(name="c")

    @app.get("/filtered-dict", response_model=Public)
    def filtered_dict() -> dict[str, Any]:
        return {"name": "n", "password": "p"}

    @app.get("/subclass")
    async def subclass() -> Item:
        return Child(name="c")

    @app.get("/row", response_model=Item)
    async def row() -> Any:
        return Row()

    @app.get("/none", response_model=None)
    async def none() -> Item:
        return Item(name="n")

    @app.get("/wrong", response_model=Item)
    async def wrong() -> Any:
        note("endpoint")
        return {"price": "x"}

    @app.get("/wrong-def", response_model=list[Item])
    def wrong_def() -> Any:
        note("endpoint")
        return [{"name": "n"}, {"name": 1}, None]

    @app.get("/forward")
    async def forward() -> "Item":
        return Item(name="n")

    @app.get("/mutated")
    async def mutated() -> Item:
        item = Item(name="n")
        item.name = 5  # type: ignore[assignment]
        return item

    @app.get("/constructed")
    async def constructed() -> Item:
        return Item.model_construct(name=5, price="x")

    return app


MODELS = each(
    models,
    *gets("/filtered /filtered-dict /subclass /row /none /wrong /wrong-def /forward /mutated /constructed"),
)  # fmt: skip


@pytest.mark.parametrize(("make_app", "request_"), MODELS)
def test_response_models(pairs: Pairs, make_app: MakeApp, request_: Asked) -> None:
    pairs[make_app].ask(request_)


def test_the_order_of_what_is_an_answer_wins_nothing(pairs: Pairs) -> None:
    """The same value twice: nothing is kept between requests."""
    first, second = (pairs[answering].ask("GET /computed/computed") for _ in range(2))
    assert first == second
