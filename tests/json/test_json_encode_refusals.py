"""What the JSON encoder refuses: each error says what and where, and no depth overflows a stack."""

import enum
import json
import sys
import threading
from collections.abc import Iterator

import pytest

from turbo_shard._native import json_encode

LEVELS_MAX = 256


def dumped(value: object) -> bytes:
    """What Starlette's JSONResponse sends."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def nested(levels: int, innermost: object = 1) -> object:
    value = innermost
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_number_that_json_cannot_say_is_refused(number: float) -> None:
    with pytest.raises(
        ValueError,
        match=r"^Out of range float values are not JSON compliant: \S+ at \.rows\[1\]\.x$",
    ):
        json_encode({"rows": [{}, {"x": number}]})
    with pytest.raises(ValueError, match="Out of range"):
        json_encode({number: 1})
    with pytest.raises(ValueError):
        dumped(number)


@pytest.mark.parametrize(
    "text", ["\ud800", "caf\udce9", "𝄞\udfff", "\ud834\udd1e", "x" * 300 + "\udc00"]
)
def test_lone_surrogate_is_refused_with_its_place(text: str) -> None:
    index = next(index for index, character in enumerate(text) if "\ud800" <= character < "\ue000")
    with pytest.raises(
        ValueError, match=rf"lone surrogate U\+D\w\w\w at index {index}, at \.name\[0\]$"
    ):
        json_encode({"name": [text]})
    with pytest.raises(ValueError, match="lone surrogate"):
        json_encode({text: 1})
    with pytest.raises(UnicodeEncodeError):
        dumped(text)


def test_integer_of_too_many_digits_is_refused_by_pythons_own_limit() -> None:
    limit = sys.get_int_max_str_digits()
    assert json_encode([10 ** (limit - 1)]) == dumped([10 ** (limit - 1)])
    with pytest.raises(ValueError, match=r"so many digits at \.n: Exceeds the limit") as caught:
        json_encode({"n": 10**limit})
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(ValueError, match="so many digits"):
        json_encode({10**limit: 1})


def test_unknown_type_is_named_with_its_path() -> None:
    with pytest.raises(TypeError, match=r"^cannot make JSON of 'object' at \.users\[3\]\.owner$"):
        json_encode({"users": [1, 2, 3, {"owner": object()}]})
    with pytest.raises(TypeError, match=r"^cannot make JSON of 'set' at the top level$"):
        json_encode(set())
    with pytest.raises(
        TypeError, match=r"""'complex' at \["two words"\]\["é"\]\.a_1\["1"\]\.null\[0\]$"""
    ):
        json_encode({"two words": {"é": {"a_1": {1: {None: (1j,)}}}}})


def test_class_is_named_as_python_names_it() -> None:
    class Owner:
        pass

    with pytest.raises(
        TypeError, match=r"'test_class_is_named_as_python_names_it\.<locals>\.Owner'"
    ):
        json_encode(Owner())


@pytest.mark.parametrize("key", [(1, 2), b"bytes", frozenset(), object()])
def test_key_that_cannot_be_a_string_is_refused(key: object) -> None:
    with pytest.raises(
        TypeError, match=rf"^JSON keys must be .*, not '{type(key).__name__}', at \.rows\[0\]$"
    ):
        json_encode({"rows": [{key: 1}]})


@pytest.mark.parametrize(
    "value", [enum.IntEnum("E", "A").A, type("S", (str,), {})("s"), type("D", (dict,), {})()]
)
def test_subclass_is_not_guessed_without_a_fallback(value: object) -> None:
    with pytest.raises(TypeError, match="cannot make JSON of"):
        json_encode([value])


def test_long_keys_and_paths_are_cut_in_messages() -> None:
    with pytest.raises(TypeError) as caught:
        json_encode({"k" * 10_000: nested(200, object())})
    assert len(str(caught.value)) < 500
    assert "more)…" in str(caught.value)


def test_depth_is_bounded() -> None:
    assert json_encode(nested(LEVELS_MAX)) == dumped(nested(LEVELS_MAX))
    with pytest.raises(ValueError, match=f"more than {LEVELS_MAX} levels"):
        json_encode(nested(LEVELS_MAX + 1))
    with pytest.raises(ValueError, match="levels"):
        json_encode(nested(100_000))


def circles() -> Iterator[object]:
    in_list: list[object] = []
    in_list.append(in_list)
    yield in_list
    in_dict: dict[str, object] = {}
    in_dict["self"] = in_dict
    yield in_dict
    through_tuple: list[object] = []
    through_tuple.append(({"t": through_tuple},))
    yield through_tuple


def test_container_that_holds_itself_is_refused() -> None:
    for circle in circles():
        with pytest.raises(ValueError, match="does a container hold itself"):
            json_encode(circle)


def test_deepest_walks_fit_two_mebibytes_of_stack() -> None:
    """Including a fallback that starts another encode deep inside one: the levels add up."""

    def encode_inside(value: object) -> object:
        return json_encode(deep, encode_inside).decode()

    def encode_again(value: object) -> object:
        return json_encode(value, encode_again).decode()

    def encode_list(value: object) -> object:
        return json_encode([value], encode_list).decode()

    deep = nested(LEVELS_MAX - 1, object())
    errors: list[str] = []

    def run() -> None:
        for value, function in [
            *((circle, None) for circle in circles()),
            (deep, encode_inside),
            (object(), encode_again),
            (object(), encode_list),
            (object(), lambda value: {"again": value}),
        ]:
            try:
                json_encode(value, function)
            except ValueError as error:
                errors.append(str(error))

    before = threading.stack_size(2 * 1024 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert len(errors) == 7
    assert all("levels" in error for error in errors)
    assert json_encode(nested(LEVELS_MAX)) == dumped(nested(LEVELS_MAX)), (
        "the count must be back at nothing"
    )
