"""Reads the value of a setting from text and checks it against its row; a wrong one is reported in one line that names
where it came from. Knows no setting by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from . import binds, file_paths, header_lines, media_types, mounts, peers, url_paths
from .option import Kind, Option, bytes_in_words

BYTE_UNITS = {
    "": 1,
    "b": 1,
    "k": 1024,
    "m": 1024**2,
    "g": 1024**3,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
}
SWITCH_WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
    "": False,
}


class SettingsError(ValueError):
    """A setting that cannot be used; its text is one line for a person."""

    # Where users import it from.
    __module__ = "turbo_shard"


def read(option: Option, text: str, label: str) -> object:
    """Makes a value from the text on the command line or in the environment, and checks it."""
    if option.bare and text.strip().lower() in SWITCH_WORDS:
        return check(option, SWITCH_WORDS[text.strip().lower()], label)
    try:
        value = READERS[option.kind](text.strip())
    except ValueError:
        raise SettingsError(f"{label}: {text!r} is not {expectation(option)}") from None
    return check(option, value, label)


def check(option: Option, value: object, label: str) -> object:
    """Returns a value of the right type within its bounds, or raises SettingsError."""
    if option.bare and isinstance(value, bool):
        # As a switch, which others have in its place.
        value = option.bare if value else option.default
    if value is None and option.default is None:
        return None
    if option.kind is Kind.SECONDS and type(value) is int:
        value = float(value)
    if option.kind is Kind.NAMES:
        return checked_names(option, value, label)
    if option.kind is Kind.BINDS:
        return checked_binds(value, label)
    if option.kind in LISTS:
        return checked_list(option, value, label)
    if type(value) is not TYPES[option.kind]:
        raise SettingsError(f"{label}: {value!r} is not {expectation(option)}")
    if option.choices and value not in option.choices:
        raise SettingsError(f"{label}: {value!r} is not {expectation(option)}")
    if isinstance(value, str) and not is_usable(option, value):
        raise SettingsError(f"{label}: {value!r} is not {expectation(option)}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        # Written so that nan is refused too.
        if not option.minimum <= value <= option.maximum:
            raise SettingsError(
                f"{label}: {option.in_words(value)} is out of range; it may be {bounds(option)}"
            )
    return value


def checked_names(option: Option, value: object, label: str) -> tuple[str, ...]:
    names = tuple(value) if isinstance(value, list | tuple) else None
    if names is None or not all(isinstance(name, str) and is_name(name) for name in names):
        raise SettingsError(f"{label}: {value!r} is not {expectation(option)}")
    return names


def checked_list(option: Option, value: object, label: str) -> tuple[str, ...]:
    texts = tuple(value) if isinstance(value, list | tuple) else None
    if texts is None or not all(isinstance(text, str) for text in texts):
        raise SettingsError(f"{label}: {value!r} is not {expectation(option)}")
    try:
        return LISTS[option.kind](texts)
    except ValueError as error:
        raise SettingsError(f"{label}: {error}") from None


def checked_binds(value: object, label: str) -> tuple[str, ...]:
    try:
        return binds.read_binds(value)
    except ValueError as error:
        raise SettingsError(f"{label}: {error}") from None


def is_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def is_usable(option: Option, text: str) -> bool:
    if option.kind is Kind.URL_PATH and text:
        return text.isprintable() and re.fullmatch(r"/[^?#\s]*[^?#\s/]", text) is not None
    if option.kind is Kind.FIELD_VALUE:
        return bool(text.strip()) and header_lines.is_field_value(text)
    if option.kind is Kind.FIELD_NAME:
        return header_lines.is_own_name(text)
    if option.kind is Kind.FILE_MODE:
        return binds.MODE.fullmatch(text) is not None
    return (bool(text) or text == option.default) and "\0" not in text


def expectation(option: Option) -> str:
    """What a value should have been, to complete `… is not`."""
    match option.kind:
        case Kind.CHOICE:
            return f"one of {', '.join(option.choices)}"
        case Kind.SWITCH:
            return "a yes or no (1, 0, true, false, yes, no, on, off)"
        case Kind.BYTES:
            return "a size in bytes (such as 65536, 512K or 16MiB)"
        case Kind.SECONDS:
            return f"a number of seconds ({bounds(option)})"
        case Kind.WHOLE:
            return f"a whole number ({bounds(option)})"
        case Kind.TEXT | Kind.DIRECTORY:
            return "a usable text"
        case Kind.FILE_PATH:
            return "a path"
        case Kind.FILE_PATHS:
            return "a list of paths"
        case Kind.NAMES:
            return "a list of packages, such as sqlmodel"
        case Kind.BINDS:
            return f"a place to listen, such as {binds.EXAMPLES}"
        case Kind.FILE_MODE:
            return "a file's mode, such as 660"
        case Kind.URL_PATHS:
            return f"a list of paths, each {url_paths.EXPECTED}"
        case Kind.PEERS:
            return f"a list of peers, such as {peers.EXAMPLE}"
        case Kind.HEADERS:
            return f"a list of header lines, each {header_lines.EXPECTED}"
        case Kind.MEDIA_TYPES:
            return f"a list of media types, each {media_types.EXPECTED}"
        case Kind.MOUNTS:
            return f"a list of directories, each {mounts.EXPECTED}"
        case Kind.FIELD_NAME:
            return "a name for a header field that is the server's to give, such as X-Request-ID"
        case Kind.FIELD_VALUE:
            return "a text for a header line (Latin-1, without control characters)"
        case Kind.URL_PATH:
            return "a path such as /api, which begins with a slash and does not end with one"


def bounds(option: Option) -> str:
    """`0 to 65535`, with the unit where there is one."""
    if option.kind is Kind.BYTES:
        least = bytes_in_words(int(option.minimum)) if option.minimum else "0"
        return f"{least} to {bytes_in_words(int(option.maximum))}"
    return f"{option.minimum:g} to {number_in_words(option.maximum)} {option.unit}".rstrip()


def number_in_words(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


def read_bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text, flags=re.ASCII)
    if match is None or match[2].lower() not in BYTE_UNITS:
        raise ValueError(text)
    size = float(match[1]) * BYTE_UNITS[match[2].lower()]
    if not size.is_integer():
        raise ValueError(text)
    return int(size)


def read_whole(text: str) -> int:
    # Stricter than int(), which takes `1_0` and digits of other scripts.
    if re.fullmatch(r"[+-]?\d{1,18}", text, flags=re.ASCII) is None:
        raise ValueError(text)
    return int(text)


def read_seconds(text: str) -> float:
    match = re.fullmatch(
        r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(ms|s)?", text, flags=re.ASCII
    )
    if match is None:
        raise ValueError(text)
    value = float(match[1]) / (1000 if match[2] == "ms" else 1)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def read_names(text: str) -> tuple[str, ...]:
    names = read_list(text)
    if not all(map(is_name, names)):
        raise ValueError(text)
    return names


def read_list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def read_one(text: str) -> tuple[str, ...]:
    return (text,)


def read_switch(text: str) -> bool:
    if text.lower() not in SWITCH_WORDS:
        raise ValueError(text)
    return SWITCH_WORDS[text.lower()]


READERS: dict[Kind, Callable[[str], object]] = {
    Kind.TEXT: str,
    Kind.URL_PATH: str,
    Kind.FILE_PATH: str,
    Kind.DIRECTORY: str,
    Kind.CHOICE: str,
    Kind.WHOLE: read_whole,
    Kind.SECONDS: read_seconds,
    Kind.BYTES: read_bytes,
    Kind.SWITCH: read_switch,
    Kind.NAMES: read_names,
    Kind.PEERS: read_list,
    Kind.HEADERS: read_one,
    Kind.BINDS: read_one,
    Kind.FILE_MODE: str,
    Kind.FILE_PATHS: read_one,
    Kind.MOUNTS: read_one,
    Kind.MEDIA_TYPES: read_list,
    Kind.URL_PATHS: read_list,
    Kind.FIELD_VALUE: str,
    Kind.FIELD_NAME: str,
}
TYPES = {
    Kind.TEXT: str,
    Kind.URL_PATH: str,
    Kind.FILE_PATH: str,
    Kind.DIRECTORY: str,
    Kind.CHOICE: str,
    Kind.WHOLE: int,
    Kind.SECONDS: float,
    Kind.BYTES: int,
    Kind.SWITCH: bool,
    Kind.NAMES: tuple,
    Kind.URL_PATHS: tuple,
    Kind.PEERS: tuple,
    Kind.HEADERS: tuple,
    Kind.BINDS: tuple,
    Kind.FILE_MODE: str,
    Kind.FILE_PATHS: tuple,
    Kind.MOUNTS: tuple,
    Kind.MEDIA_TYPES: tuple,
    Kind.FIELD_VALUE: str,
    Kind.FIELD_NAME: str,
}
LISTS: dict[Kind, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
    Kind.PEERS: peers.checked_peers,
    Kind.HEADERS: header_lines.checked_lines,
    Kind.MOUNTS: mounts.checked_mounts,
    Kind.MEDIA_TYPES: media_types.checked_types,
    Kind.URL_PATHS: url_paths.checked_paths,
    Kind.FILE_PATHS: file_paths.checked_paths,
}
