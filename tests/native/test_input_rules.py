"""How a value may be spelled, and the error for a wrong one: pydantic's rules, as pydantic 2.14 answered."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum
from typing import Any, Literal
from uuid import UUID

import pytest

from turbo_shard.native.body import json_of, json_reader, text_of
from turbo_shard.native.errors import FAULTS_MAX, HTTPException, InputError, without_inputs
from turbo_shard.native.structures import UnknownAnnotation, reader_of

IDENTITY = UUID("12345678-1234-5678-1234-567812345678")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(Enum):
    SMALL = 1
    LARGE = 2


class Level(IntEnum):
    LOW = 1
    HIGH = 3


@dataclass
class Inner:
    x: int
    y: float = 1.5


@dataclass
class Item:
    name: str
    count: int
    inner: Inner | None = None
    tags: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("unlucky")
        assert self.count != 14, "not that"


@dataclass
class Tree:
    children: list[Tree]


class Model:
    """The parts of a pydantic model that are used."""

    def __init__(self, given: Any) -> None:
        self.given = given

    @classmethod
    def model_validate(cls, given: Any, *, from_attributes: bool) -> Model:
        assert from_attributes
        if given == "wrong":
            raise ModelError("no")
        return cls(given)


class ModelError(ValueError):
    def errors(self) -> list[dict[str, Any]]:
        context = {"error": ValueError("no"), "limit": 3}
        return [{"type": "t", "loc": ("a", 0), "msg": "m", "input": 1, "ctx": context, "url": "u"}]


def faults(annotation: Any, value: Any, **options: bool) -> list[tuple[str, list[Any], str]]:
    with pytest.raises(InputError) as raised:
        reader_of(annotation, **options)(value)
    return [(error["type"], error["loc"], error["msg"]) for error in raised.value.errors]


@pytest.mark.parametrize(
    ("annotation", "spelling", "value"),
    [
        *((int, text, 5) for text in ("5", "+5", " 5 ", "\n5", "05", "5.0", "5.000", "\u00a05")),
        (int, "-1_000", -1000),
        (int, "9" * 4300, int("9" * 4300)),
        (int, "-" + "9" * 4300, -int("9" * 4300)),
        (int, 5.0, 5),
        (int, True, 1),
        (float, "1.5", 1.5),
        (float, " -.5 ", -0.5),
        (float, "5.", 5.0),
        (float, "1e400", math.inf),
        (float, "-Infinity", -math.inf),
        (float, "1_0.5", 10.5),
        (float, 3, 3.0),
        *((bool, text, True) for text in ("1", "true", "TRUE", "t", "yes", "Y", "on", 1, 1.0)),
        *((bool, text, False) for text in ("0", "False", "f", "no", "N", "OFF", 0, 0.0)),
        (UUID, "12345678-1234-5678-1234-567812345678", IDENTITY),
        (UUID, "12345678123456781234567812345678", IDENTITY),
        (UUID, "{12345678-1234-5678-1234-567812345678}", IDENTITY),
        (UUID, "urn:uuid:12345678-1234-5678-1234-567812345678", IDENTITY),
        (datetime, "2024-01-02T03:04:05", datetime(2024, 1, 2, 3, 4, 5)),
        (datetime, "2024-01-02 03:04", datetime(2024, 1, 2, 3, 4)),
        (datetime, "2024-01-02_03:04:05,5z", datetime(2024, 1, 2, 3, 4, 5, 500_000, UTC)),
        (datetime, "2024-01-02T03:04:05.123456789", datetime(2024, 1, 2, 3, 4, 5, 123_456)),
        (datetime, "2024-01-02T03:04:05+0130", datetime(2024, 1, 2, 1, 34, 5, tzinfo=UTC)),
        (datetime, "2024-01-02", datetime(2024, 1, 2)),
        (datetime, "1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (datetime, "5.", datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)),
        (datetime, "-.5", datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)),
        (int, 2.0**62, 2**62),
        (datetime, 1700000000000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (date, "2024-01-02", date(2024, 1, 2)),
        (date, "2024-01-02T00:00:00Z", date(2024, 1, 2)),
        (date, "1699920000", date(2023, 11, 14)),
        (Colour, "red", Colour.RED),
        (Size, 1, Size.SMALL),
        (Level, "3", Level.HIGH),
        (Literal["a", 1, None], "a", "a"),
        (int | None, None, None),
        (int | None, "5", 5),
        (int | str, "5", "5"),
        (int | str, 5, 5),
        (list[int], [1, "2"], [1, 2]),
        (list, [{}], [{}]),
        (tuple[int, str], [1, "a"], (1, "a")),
        (tuple[int, ...], ["1"], (1,)),
        (set[int], [1, "1"], {1}),
        (frozenset[str], ["a"], frozenset("a")),
        (dict[int, float], {"1": 2}, {1: 2.0}),
        (dict[str, Any], {"a": [None]}, {"a": [None]}),
        (Inner, {"x": "1", "extra": 2}, Inner(1)),
        (Item, {"name": "a", "count": 1, "inner": {"x": 2}}, Item("a", 1, Inner(2))),
        (Inner | dict, {"x": 1}, Inner(1)),
        (Tree, {"children": [{"children": []}]}, Tree([Tree([])])),
        (Any, "anything", "anything"),
    ],
)
def test_spelling_is_read(annotation: Any, spelling: Any, value: Any) -> None:
    assert reader_of(annotation)(spelling) == value
    # Not 1 for True, nor 5.0 for 5.
    assert type(reader_of(annotation)(spelling)) is type(value)


def test_zone_of_a_moment_is_kept() -> None:
    read = reader_of(datetime)("2024-01-02T03:04:05-01:30")
    assert read.tzinfo == timezone(-timedelta(hours=1, minutes=30))


NO_INT = "Input should be a valid integer, unable to parse string as an integer"
NO_FLOAT = "Input should be a valid number, unable to parse string as a number"
TOO_LARGE = "Unable to parse input string as an integer, exceeded maximum size"
NO_BOOL = "Input should be a valid boolean, unable to interpret input"


@pytest.mark.parametrize(
    ("annotation", "value", "kind", "message"),
    [
        *(
            (int, text, "int_parsing", NO_INT)
            for text in ("", " ", "x", "1__0", "_1", "1e3", "5.5")
        ),
        *((int, text, "int_parsing", NO_INT) for text in ("0x10", "--5", "\u0663", "5.", ".0")),
        (int, None, "int_type", "Input should be a valid integer"),
        (int, math.nan, "finite_number", "Input should be a finite number"),
        *(
            (float, text, "float_parsing", NO_FLOAT)
            for text in ("", "x", "1e", "0x1p3", "\u0663.5")
        ),
        *((int, number, "int_parsing_size", TOO_LARGE) for number in (1e30, -1e19, 2.0**63)),
        (float, [], "float_type", "Input should be a valid number"),
        (float, 10**400, "float_type", "Input should be a valid number"),
        *((bool, text, "bool_parsing", NO_BOOL) for text in ("", "2", " true", "maybe", 2)),
        *((bool, number, "bool_parsing", NO_BOOL) for number in (5.0, -1, 2**63 - 1)),
        *(
            (bool, number, "bool_type", "Input should be a valid boolean")
            for number in (0.5, 2**63)
        ),
        *(
            (bool, number, "bool_type", "Input should be a valid boolean")
            for number in (math.inf, math.nan)
        ),
        (str, 5, "string_type", "Input should be a valid string"),
        (UUID, 5, "uuid_type", "UUID input should be a string, bytes or UUID object"),
        (datetime, None, "datetime_type", "Input should be a valid datetime"),
        (date, True, "date_type", "Input should be a valid date"),
        (list, {}, "list_type", "Input should be a valid list"),
        (dict, [], "dict_type", "Input should be a valid dictionary"),
        (set[int], 5, "set_type", "Input should be a valid set"),
        (tuple[int, ...], 5, "tuple_type", "Input should be a valid tuple"),
        (Colour, "green", "enum", "Input should be 'red' or 'blue'"),
        (Size, "1", "enum", "Input should be 1 or 2"),
        (Literal["a", 1, None], "1", "literal_error", "Input should be 'a', 1 or None"),
        (Inner, [], "dataclass_type", "Input should be a dictionary or an instance of Inner"),
        (Item, {"name": "", "count": 13}, "value_error", "Value error, unlucky"),
    ],
)
def test_wrong_value_is_named(annotation: Any, value: Any, kind: str, message: str) -> None:
    assert faults(annotation, value) == [(kind, [], message)]


def test_too_many_digits_are_refused_before_they_are_read() -> None:
    for digits in ("9" * 4301, "-" + "9" * 4301):
        [(kind, _, _)] = faults(int, digits)
        assert kind == "int_parsing_size"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "invalid character: found `x` at 0"),
        ("abc", "invalid length: found 3"),
        ("1234-5678", "invalid group count: expected 5, found 2"),
        (
            "12345678-1234-5678-12345-67812345678",
            "invalid group length in group 3: expected 4, found 5",
        ),
        ("{12345678123456781234567812345678}", "invalid group count: expected 5, found 1"),
        ("f" * 100, "invalid length: found 100"),
    ],
)
def test_wrong_uuid_says_why(text: str, reason: str) -> None:
    assert faults(UUID, text) == [("uuid_parsing", [], f"Input should be a valid UUID, {reason}")]


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("", "datetime_from_date_parsing", "input is too short"),
        (
            "2024-13-01",
            "datetime_from_date_parsing",
            "month value is outside expected range of 1-12",
        ),
        ("2024-02-30T00:00", "datetime_from_date_parsing", "day value is outside expected range"),
        ("2024/01/02", "datetime_from_date_parsing", "invalid date separator, expected `-`"),
        ("202a-01-02", "datetime_from_date_parsing", "invalid character in year"),
        (
            "2024-01-02T25:00",
            "datetime_from_date_parsing",
            "unexpected extra characters at the end of the input",
        ),
        ("0000-01-01", "datetime_parsing", "year 0 is out of range"),
        ("9" * 5000, "datetime_from_date_parsing", "invalid date separator, expected `-`"),
    ],
)
def test_wrong_moment_says_why(text: str, kind: str, reason: str) -> None:
    [(found, _, message)] = faults(datetime, text)
    assert (found, message.endswith(reason)) == (kind, True)


def test_date_of_a_moment_must_be_a_midnight() -> None:
    assert faults(date, "2024-01-02T00:00:01")[0][0] == "date_from_datetime_inexact"
    assert faults(date, "x")[0][0] == "date_from_datetime_parsing"


def test_all_faults_are_found_and_placed() -> None:
    wrong = {"name": 1, "inner": {"x": "q"}, "tags": ["a", 2], "sizes": {"a": "b", "c": 1}}
    assert [(kind, loc) for kind, loc, _ in faults(Item, wrong)] == [
        ("string_type", ["name"]),
        ("missing", ["count"]),
        ("int_parsing", ["inner", "x"]),
        ("string_type", ["tags", 1]),
        ("int_parsing", ["sizes", "a"]),
    ]
    assert [loc for _, loc, _ in faults(dict[int, str], {"2": 1})] == [["2"]]
    assert [loc for _, loc, _ in faults(dict[int, str], {"b": 1})] == [["b", "[key]"], ["b"]]
    assert [loc for _, loc, _ in faults(dict[int, str], {"b": ""})] == [["b", "[key]"]]
    assert [loc for _, loc, _ in faults(tuple[int, int], [1])] == [[1]]
    assert faults(tuple[int, int], [1, 2, 3])[0][0] == "too_long"
    assert [loc for _, loc, _ in faults(int | Inner, {"x": "a"})] == [["int"], ["Inner", "x"]]


def test_missing_field_has_the_whole_as_its_input() -> None:
    with pytest.raises(InputError) as raised:
        reader_of(Inner)({"y": 1})
    [error] = raised.value.errors
    assert error == {"type": "missing", "loc": ["x"], "msg": "Field required", "input": {"y": 1}}


def test_faults_are_bounded() -> None:
    assert len(faults(list[int], ["x"] * 10_000)) == FAULTS_MAX
    assert len(faults(dict[str, list[int]], {str(n): ["x"] * 50 for n in range(50)})) == FAULTS_MAX


def test_texts_stand_for_numbers_where_there_are_only_texts() -> None:
    assert reader_of(Size, from_text=True)("2") is Size.LARGE
    assert reader_of(Literal[1, 2], from_text=True)("2") == 2
    assert faults(Literal[1, 2], "x", from_text=True)[0][0] == "literal_error"


def test_models_read_themselves() -> None:
    assert reader_of(Model)({"a": 1}).given == {"a": 1}
    with pytest.raises(InputError) as raised:
        reader_of(list[Model])([1, "wrong"])
    [error] = raised.value.errors
    assert error == {
        "type": "t",
        "loc": [1, "a", 0],
        "msg": "m",
        "input": 1,
        "ctx": {"error": {}, "limit": 3},
    }


@pytest.mark.parametrize("annotation", [object(), complex, list[complex], type, bytes | int])
def test_unknown_annotations_are_refused(annotation: Any) -> None:
    with pytest.raises(UnknownAnnotation):
        reader_of(annotation)


# Bodies.

JSON = "application/json"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"],
)
def test_body_that_says_json_is_json(content_type: str) -> None:
    assert json_reader(reader_of(dict))(b'{"a":1}', content_type) == {"a": 1}


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "text/json", "x"]
)
def test_body_that_says_something_else_or_nothing_is_text(content_type: str | None) -> None:
    with pytest.raises(InputError) as raised:
        json_reader(reader_of(dict))(b'{"a":1}', content_type)
    [error] = raised.value.errors
    assert (error["type"], error["loc"], error["input"]) == ("dict_type", ["body"], '{"a":1}')


@pytest.mark.parametrize(
    ("body", "place", "reason"),
    [
        (b"{", 1, "Expecting property name enclosed in double quotes"),
        (b" ", 1, "Expecting value"),
        (b"[1] x", 4, "Extra data"),
        (b"[NaN]", 0, "Expecting value"),
        (b"-Infinity", 0, "Expecting value"),
    ],
)
def test_broken_json_says_where(body: bytes, place: int, reason: str) -> None:
    with pytest.raises(InputError) as raised:
        json_reader(reader_of(Any))(body, JSON)
    assert raised.value.errors == [
        {
            "type": "json_invalid",
            "loc": ["body", place],
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": reason},
        }
    ]


@pytest.mark.parametrize("body", [b"\xff", b'"\xc3"', b"[" * 200_000, b"1" * 5000])
def test_body_that_cannot_be_parsed_is_400(body: bytes) -> None:
    with pytest.raises(HTTPException) as raised:
        json_reader(reader_of(Any))(body, JSON)
    assert raised.value.status_code == 400


def test_body_too_deep_for_its_dataclass_is_400() -> None:
    body = b'{"children":[' * 5_000 + b"]}" * 5_000
    with pytest.raises(HTTPException) as raised:
        json_reader(reader_of(Tree))(body, JSON)
    assert raised.value.status_code == 400


def test_large_body_is_not_repeated_in_its_faults() -> None:
    with pytest.raises(InputError) as raised:
        json_reader(reader_of(Inner))(b'{"y": "%s"}' % (b"a" * 20_000), JSON)
    assert [error["input"] for error in raised.value.errors] == [None, None]


def test_body_is_read_as_json_or_text_on_demand() -> None:
    assert json_of(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    assert text_of("é".encode()) == "é"
    for read in (json_of, text_of):
        with pytest.raises(ValueError, match="body"):
            read(b"\xff" if read is text_of else b"{")


def test_faults_can_be_said_without_what_was_sent() -> None:
    errors = [{"type": "t", "loc": ["body", "\ud800", 3], "msg": "\udfff", "input": object()}]
    assert without_inputs(errors) == [
        {"type": "t", "loc": ["body", "?", 3], "msg": "?", "input": None}
    ]
