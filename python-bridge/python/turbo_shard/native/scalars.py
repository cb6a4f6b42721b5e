"""Reads int, float, bool, str and UUID the way pydantic does in its lax mode, with its error types and messages.

A value comes from a query, a header or a path as `str`, or from a JSON body as any of JSON's types.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from .errors import InputError, fault

if TYPE_CHECKING:
    from uuid import UUID

INTEGER_DIGITS_MAX = 4300
"""Longest int that is read, as in Python and pydantic: the work grows with the square of the length."""

_INTEGER = re.compile(r"([+-]?[0-9]+(?:_[0-9]+)*)(?:\.0+)?", re.ASCII)
_FLOAT = re.compile(r"[+-]?[0-9_.eE+-]+|[+-]?(?:inf|infinity|nan)", re.ASCII | re.IGNORECASE)
_TRUE = frozenset(("1", "true", "t", "yes", "y", "on"))
_FALSE = frozenset(("0", "false", "f", "no", "n", "off"))

_NO_NUMBER = "Input should be a valid number, unable to parse string as a number"
_TOO_LARGE = "Unable to parse input string as an integer, exceeded maximum size"
_NO_BOOLEAN = "Input should be a valid boolean, unable to interpret input"


def read_str(value: object) -> str:
    if isinstance(value, str):
        return value
    raise fault("string_type", "Input should be a valid string", value)


def read_int(value: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str):
        return _int_of_text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _int_of_float(value)
    raise fault("int_type", "Input should be a valid integer", value)


def _int_of_text(text: str) -> int:
    found = _INTEGER.fullmatch(text.strip())
    if found is None:
        message = "Input should be a valid integer, unable to parse string as an integer"
        raise fault("int_parsing", message, text)
    digits = found[1].replace("_", "")
    if len(digits.lstrip("+-")) > INTEGER_DIGITS_MAX:
        raise fault("int_parsing_size", _TOO_LARGE, text)
    return int(digits)


def _int_of_float(value: float) -> int:
    if not math.isfinite(value):
        raise fault("finite_number", "Input should be a finite number", value)
    if not value.is_integer():
        message = "Input should be a valid integer, got a number with a fractional part"
        raise fault("int_from_float", message, value)
    if abs(value) >= 2.0**63:
        # Its lower digits are not those sent.
        raise fault("int_parsing_size", _TOO_LARGE, value)
    return int(value)


def read_float(value: object) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        text = value.strip()
        if _FLOAT.fullmatch(text):
            try:
                return float(text)
            except ValueError:
                pass
        raise fault("float_parsing", _NO_NUMBER, value)
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            pass
    raise fault("float_type", "Input should be a valid number", value)


def read_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = value.lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        raise fault("bool_parsing", _NO_BOOLEAN, value)
    if isinstance(value, int | float):
        if value in (0, 1):
            return value == 1
        # The values that pydantic can hold in 64 bits.
        if value == value // 1 and -(2**63) <= value < 2**63:
            raise fault("bool_parsing", _NO_BOOLEAN, value)
    raise fault("bool_type", "Input should be a valid boolean", value)


_GROUPS = (8, 4, 4, 4, 12)
_NO_HEX = re.compile(r"[^0-9a-fA-F-]")


def read_uuid(value: object) -> UUID:
    from uuid import UUID

    if isinstance(value, UUID):
        return value
    if not isinstance(value, str):
        raise fault("uuid_type", "UUID input should be a string, bytes or UUID object", value)
    text, offset = _uuid_text(value)
    if wrong := _NO_HEX.search(text):
        place = offset + len(text[: wrong.start()].encode("utf-8", "replace"))
        raise _no_uuid(value, f"invalid character: found `{wrong[0]}` at {place}")
    groups = text.split("-")
    if len(groups) == 1 and not offset:
        if len(text) != 32:
            raise _no_uuid(value, f"invalid length: found {len(text)}")
        return UUID(hex=text)
    if len(groups) != len(_GROUPS):
        raise _no_uuid(value, f"invalid group count: expected 5, found {len(groups)}")
    for number, (group, length) in enumerate(zip(groups, _GROUPS, strict=True)):
        if len(group) != length:
            reason = (
                f"invalid group length in group {number}: expected {length}, found {len(group)}"
            )
            raise _no_uuid(value, reason)
    return UUID(hex=text)


def _uuid_text(value: str) -> tuple[str, int]:
    """The part that holds the digits, and where it begins."""
    length = len(value.encode("utf-8", "replace"))
    if length > len("urn:uuid:") + 36:
        raise _no_uuid(value, f"invalid length: found {length}")
    # These two lengths are those of the plain forms.
    if length not in (32, 36):
        if value.startswith("urn:uuid:"):
            return value.removeprefix("urn:uuid:"), len("urn:uuid:")
        if value.startswith("{") and value.endswith("}"):
            return value[1:-1], 1
    return value, 0


def _no_uuid(value: str, reason: str) -> InputError:
    return fault(
        "uuid_parsing", f"Input should be a valid UUID, {reason}", value, {"error": reason}
    )
