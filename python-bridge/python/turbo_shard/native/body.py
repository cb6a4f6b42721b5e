"""Reads a JSON body: by its content type, strictly, and with FastAPI's answers to what is wrong with it."""

from __future__ import annotations

from json import JSONDecodeError, JSONDecoder
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import HTTPException, InputError, fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from .structures import Reader

ECHO_BYTES_MAX = 16 * 1024
"""A larger body is not repeated in the faults found in it: each of them would carry the whole."""


def json_reader(read: Reader) -> Callable[[bytes, str | None], Any]:
    """A function that reads a non-empty body; `read` checks what the JSON says.

    Each thread has its own: a decoder keeps notes, which threads would fight over.
    """
    decode = _decoder().decode

    def read_body(body: bytes, content_type: str | None) -> Any:
        try:
            return read(_decoded(decode, body, content_type))
        except InputError as error:
            if len(body) > ECHO_BYTES_MAX:
                for one in error.errors:
                    one["input"] = None
            raise error.under("body") from None
        except RecursionError:
            raise HTTPException(400, "There was an error parsing the body") from None

    return read_body


def json_of(body: bytes) -> Any:
    """The value of a body that is JSON, whatever its content type says; InputError if it is not."""
    try:
        return _parsed(_decoder().decode, body)
    except InputError as error:
        raise error.under("body") from None


def text_of(body: bytes) -> str:
    """The body as UTF-8; InputError if it is not."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        message = "Input should be a valid string, unable to parse raw data as a unicode string"
        wrong = fault("string_unicode", message, body.decode("utf-8", "replace"))
        raise wrong.under("body") from None


def is_json(content_type: str | None) -> bool:
    """Whether it says JSON. Saying nothing is not enough: a page of another site can make a browser send that, but
    JSON's own type only after the browser has asked us (CORS preflight)."""
    if content_type is None:
        return False
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


def _decoded(decode: Callable[[str], Any], body: bytes, content_type: str | None) -> Any:
    if is_json(content_type):
        return _parsed(decode, body)
    # No structure: the reader says so. FastAPI does the same.
    return body.decode("utf-8", "replace")


def _parsed(decode: Callable[[str], Any], body: bytes) -> Any:
    try:
        return decode(body.decode("utf-8-sig"))
    except JSONDecodeError as error:
        # Where, and what: the text itself may be large.
        wrong = fault("json_invalid", "JSON decode error", {}, {"error": error.msg})
        raise wrong.under(error.pos) from None
    except (ValueError, RecursionError):
        # Not UTF-8, an int of too many digits, or too deep.
        raise HTTPException(400, "There was an error parsing the body") from None


def _decoder() -> JSONDecoder:
    return JSONDecoder(parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    # Python's own decoder takes NaN and Infinity, which are not JSON.
    raise JSONDecodeError("Expecting value", name, 0)
