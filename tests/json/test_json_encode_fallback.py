"""What the JSON encoder leaves to its fallback, and what it makes of the fallback's answers and errors."""

import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from turbo_shard._native import json_encode

LEVELS_MAX = 256


def nested(levels: int, innermost: object = 1) -> object:
    value = innermost
    for _ in range(levels):
        value = [value]
    return value


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: object


def fallback(value: Any) -> object:
    match value:
        case datetime.datetime():
            return value.isoformat()
        case uuid.UUID() | decimal.Decimal():
            return str(value)
        case enum.Enum():
            return value.value
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case dict():
            return dict(value)
        case _ if dataclasses.is_dataclass(value):
            return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"no idea what a {type(value).__name__} is")


def test_fallback_makes_other_types_basic() -> None:
    class Word(str):
        pass

    class Table(dict):
        pass

    moment = datetime.datetime(2026, 1, 2, 3, 4, 5)
    value = {
        "when": moment,
        "id": uuid.UUID(int=7),
        "price": decimal.Decimal("1.50"),
        "colour": Colour.RED,
        "word": Word("w"),
        "table": Table(a=Point(1, Point(2, [Colour.RED]))),
        "level": enum.IntEnum("Level", "LOW HIGH").HIGH,
    }
    assert json.loads(json_encode(value, fallback)) == {
        "when": moment.isoformat(),
        "id": str(uuid.UUID(int=7)),
        "price": "1.50",
        "colour": "red",
        "word": "w",
        "table": {"a": {"x": 1, "y": {"x": 2, "y": ["red"]}}},
        "level": 2,
    }


def test_fallback_makes_keys_basic() -> None:
    class Word(str):
        pass

    keyed = {
        Colour.RED: 1,
        Word("w"): 2,
        uuid.UUID(int=0): 3,
        decimal.Decimal(2): 4,
        enum.IntEnum("I", "A").A: 5,
    }
    keys = ["red", "w", str(uuid.UUID(int=0)), "2", "1"]
    assert list(json.loads(json_encode(keyed, fallback))) == keys
    with pytest.raises(TypeError, match="not 'dict', at the top level"):
        json_encode({Point(1, 2).__class__: 1}, lambda value: {})


def test_fallback_may_answer_with_what_again_needs_it() -> None:
    steps = {3: Point, 2: set, 1: "end"}

    class Step:
        def __init__(self, left: int) -> None:
            self.left = left

    def one_step(value: Any) -> object:
        return Step(value.left - 1) if value.left else "end"

    assert json_encode([Step(len(steps))], one_step) == b'["end"]'


def test_fallback_without_end_is_refused() -> None:
    calls = []

    def same(value: object) -> object:
        calls.append(value)
        return value

    with pytest.raises(
        ValueError, match=r"at \[0\]: after \d+ calls the fallback still answers with 'object'"
    ):
        json_encode([object()], same)
    assert len(calls) < 100
    with pytest.raises(ValueError, match="still answers"):
        json_encode({object(): 1}, same)
    with pytest.raises(ValueError, match=f"more than {LEVELS_MAX} levels"):
        json_encode(object(), lambda value: [value])


def test_type_error_of_the_fallback_becomes_ours_and_stays_its_cause() -> None:
    with pytest.raises(TypeError, match=r"^cannot make JSON of 'set' at \[1\]$") as caught:
        json_encode([1, set()], fallback)
    assert "no idea what a set is" in str(caught.value.__cause__)
    with pytest.raises(
        TypeError, match=r"^JSON keys must be .*, not 'frozenset', at the top level$"
    ) as caught:
        json_encode({frozenset(): 1}, fallback)
    assert "no idea" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "error", [KeyError("k"), ValueError("v"), KeyboardInterrupt(), RecursionError()]
)
def test_other_errors_of_the_fallback_come_out_as_they_are(error: BaseException) -> None:
    def raising(value: object) -> object:
        raise error

    with pytest.raises(type(error)) as caught:
        json_encode({"a": [object()]}, raising)
    assert caught.value is error
    assert caught.value.__notes__ == ["while making JSON of 'object' at .a[0]"]


@pytest.mark.parametrize("change", ["clear", "append", "pop"])
def test_list_that_the_fallback_changes_is_refused(change: str) -> None:
    items: list[object] = [object(), 1, 2]

    def changing(value: object) -> object:
        getattr(items, change)(*([1] if change == "append" else []))
        return None

    with pytest.raises(RuntimeError, match=r"^list changed while it was made JSON, at \.items$"):
        json_encode({"items": items}, changing)


@pytest.mark.parametrize(
    "change", [dict.clear, lambda table: table.update(new=1), lambda table: table.pop("b")]
)
def test_dict_that_the_fallback_changes_is_refused(
    change: Callable[[dict[str, object]], object],
) -> None:
    table: dict[str, object] = {"a": object(), "b": 2}

    def changing(value: object) -> object:
        change(table)
        return None

    with pytest.raises(
        RuntimeError, match=r"^dict changed while it was made JSON, at the top level$"
    ):
        json_encode(table, changing)


def test_fallback_may_drop_the_value_that_it_was_given() -> None:
    table: dict[str, object] = {"a": nested(3, object()), "b": [object()]}

    def dropping(value: object) -> object:
        table["a"] = table["b"] = "gone"
        return [value.__class__.__name__] * 3

    assert json_encode(table, dropping) == b'{"a":[[[["object","object","object"]]]],"b":"gone"}'


def test_fallback_that_is_no_callable_is_an_error_only_when_needed() -> None:
    assert json_encode([1], 5) == b"[1]"
    with pytest.raises(TypeError, match="cannot make JSON of 'object'"):
        json_encode([object()], 5)
