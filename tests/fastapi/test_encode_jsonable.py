"""`encode_jsonable` against what it stands for: FastAPI's `jsonable_encoder` and then Starlette's `json.dumps`."""

from __future__ import annotations

import json
import math
import random
import struct
import sys
from collections import OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePath
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from fastapi.encoders import jsonable_encoder

from turbo_shard._native import encode_jsonable

VALUES = 4000


def expected(value: object) -> bytes:
    text = json.dumps(
        jsonable_encoder(value),
        ensure_ascii=False,
        allow_nan=False,
        indent=None,
        separators=(",", ":"),
    )
    return text.encode()


def random_float(chance: random.Random) -> float:
    bits: float = struct.unpack("d", chance.randbytes(8))[0]
    return chance.choice(
        [
            bits,
            chance.uniform(-1e6, 1e6),
            float(chance.randrange(10**18)),
            10.0 ** chance.randrange(-30, 30),
            -0.0,
        ]
    )


def random_text(chance: random.Random) -> str:
    letters = ['a"\\/\n\t\x00\x1f\x7f', "äÿ", "€中", "😀𝄞", "_sa", "\u2028"]
    found = "".join(chance.choice(chance.choice(letters)) for _ in range(chance.randrange(8)))
    return found * chance.choice([1, 1, 1, 200])


def random_value(chance: random.Random, depth: int) -> Any:
    leaves: list[Callable[[], Any]] = [
        lambda: None,
        lambda: chance.random() < 0.5,
        lambda: chance.randrange(-(2**70), 2**70),
        lambda: chance.randrange(100),
        lambda: random_float(chance),
        lambda: random_text(chance),
    ]
    if depth == 0 or chance.random() < 0.3:
        return chance.choice(leaves)()
    size = chance.choice([0, 1, 2, 5])
    match chance.randrange(3):
        case 0:
            return [random_value(chance, depth - 1) for _ in range(size)]
        case 1:
            return tuple(random_value(chance, depth - 1) for _ in range(size))
        case _:
            return {random_text(chance): random_value(chance, depth - 1) for _ in range(size)}


def is_plain(value: Any) -> bool:
    match value:
        case float():
            return math.isfinite(value)
        case list() | tuple():
            return all(map(is_plain, value))
        case dict():
            return all(not key.startswith("_sa") and is_plain(each) for key, each in value.items())
        case _:
            return True


def test_plain_values_are_encoded_as_fastapi_does() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    encoded = 0
    for _ in range(VALUES):
        value = random_value(chance, 4)
        found = encode_jsonable(value)
        if is_plain(value):
            assert found == expected(value), value
            encoded += 1
        else:
            assert found is None, value
    assert encoded > VALUES / 4


class Text(str):
    """Not a str to those who look closely."""


class Number(int):
    """The same of an int."""


class Fraction(float):
    """And of a float."""


class Pair(NamedTuple):
    first: int
    second: int


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1


class Word(StrEnum):
    YES = "yes"


STRANGE: list[Any] = [
    Text("a"),
    Number(1),
    Fraction(1.0),
    Pair(1, 2),
    Colour.RED,
    Size.SMALL,
    Word.YES,
    OrderedDict(a=1),
    defaultdict(int),
    UserDict(),
    {1, 2},
    frozenset(),
    deque([1]),
    (each for each in [1]),
    b"bytes",
    bytearray(),
    datetime(2026, 1, 1, tzinfo=UTC),
    timedelta(1),
    Decimal("9.90"),
    UUID(int=7),
    PurePath("/a"),
    math.nan,
    math.inf,
    -math.inf,
    object(),
    int,
    "\ud800",
    "a\udfff€",
    10**5000,
]


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: type(value).__name__)
def test_any_other_value_is_left_to_fastapi(value: Any) -> None:
    assert encode_jsonable(value) is None
    for around in ([value], (1, value), {"a": value}, {"a": [{"b": (value,)}]}):
        assert encode_jsonable(around) is None


@pytest.mark.parametrize("key", [1, 1.5, None, True, Text("a"), Word.YES, ("a",), b"a", "\ud800"])
def test_keys_other_than_text_are_left_to_fastapi(key: Any) -> None:
    assert encode_jsonable({key: 1}) is None
    assert encode_jsonable({"other": 1, key: 1}) is None


def test_keys_of_sqlalchemy_are_left_to_fastapi() -> None:
    assert expected({"_sa_x": 1, "a": 2}) == b'{"a":2}'
    for key in ("_sa", "_sa_x", "_saä"):
        assert encode_jsonable({key: 1}) is None
        assert encode_jsonable([{"a": {key: 1}}]) is None
    for key in ("_s", "_", "sa", "_ta", '"_sa', "\\_sa", "_SA"):
        assert encode_jsonable({key: "_sa"}) == expected({key: "_sa"})


def test_ints_are_written_up_to_pythons_limit() -> None:
    limit = sys.get_int_max_str_digits()
    for digits in (18, 19, 20, 100, limit):
        value = 10 ** (digits - 1)
        assert encode_jsonable([value, -value]) == expected([value, -value])
    assert encode_jsonable(10**limit) is None


def test_deep_values_are_left_to_fastapi() -> None:
    value: Any = 1
    for _ in range(50):
        value = {"a": value} if isinstance(value, list) else [value]
    assert encode_jsonable(value) == expected(value)
    assert encode_jsonable([value]) is None
    circle: list[Any] = []
    circle.append(circle)
    assert encode_jsonable(circle) is None
