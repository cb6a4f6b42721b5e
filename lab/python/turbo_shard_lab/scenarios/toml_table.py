"""Reads tables of TOML key by key, and refuses what it does not know with the file and the key. Knows no scenario."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class TableError(Exception):
    """An impossible entry in a file; the text is one line with the file and the key."""


def read_toml(path: Path, shown: str | None = None) -> Table:
    """The whole file as a table; `shown` is the file's name in messages."""
    name = shown or path.name
    try:
        return Table(tomllib.loads(path.read_text(encoding="utf-8")), name)
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"{name}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"{name}: this is no TOML: {error}") from None


class Table:
    """One table of a file. `end` refuses the keys that were not asked for."""

    def __init__(self, values: Mapping[str, Any], file: str, place: str = "") -> None:
        self.values = dict(values)
        self.file = file
        self.place = place
        self.asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def refuse(self, key: str, text: str) -> TableError:
        return TableError(f"{self.file}: {self.place}{key}: {text}")

    def end(self) -> None:
        if unknown := [key for key in self.values if key not in self.asked]:
            known = ", ".join(sorted(self.asked))
            raise self.refuse(unknown[0], f"no such key; there are {known}")

    def _found(self, key: str, default: Any) -> Any:
        self.asked.add(key)
        if key not in self.values:
            if default is REQUIRED:
                raise self.refuse(key, "is missing")
            return default
        return self.values[key]

    def text(
        self, key: str, default: Any = None, *, choices: Iterable[str] = (), empty: bool = False
    ) -> Any:
        value = self._found(key, default)
        if key in self.values:
            if not isinstance(value, str) or not (empty or value.strip()):
                raise self.refuse(key, f"{value!r} is not a text")
            if choices and value not in (known := list(choices)):
                raise self.refuse(key, f"{value!r} is none of {', '.join(known)}")
        return value

    def texts(self, key: str, default: Any = ()) -> tuple[str, ...]:
        value = self._found(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise self.refuse(key, f"{value!r} is not a list of texts")
        return tuple(value)

    def flag(self, key: str, default: bool = False) -> bool:
        value = self._found(key, default)
        if not isinstance(value, bool):
            raise self.refuse(key, f"{value!r} is neither true nor false")
        return value

    def count(self, key: str, default: Any = None, *, least: int = 1) -> Any:
        value = self._found(key, default)
        if key in self.values:
            if type(value) is not int or value < least:
                raise self.refuse(key, f"{value!r} is not a whole number from {least} on")
        return value

    def number(self, key: str, default: Any = None, *, above: float = 0.0) -> Any:
        value = self._found(key, default)
        if key in self.values:
            if type(value) not in (int, float) or not above < value < float("inf"):
                raise self.refuse(key, f"{value!r} is not a number above {above:g}")
            value = float(value)
        return value

    def numbers(self, key: str, *, above: float, below: float) -> tuple[float, ...]:
        value = self._found(key, ())
        if not isinstance(value, list | tuple) or not all(
            type(one) in (int, float) and above < one < below for one in value
        ):
            raise self.refuse(
                key, f"{value!r} is not a list of numbers between {above:g} and {below:g}"
            )
        return tuple(map(float, value))

    def table(self, key: str) -> Table:
        value = self._found(key, REQUIRED)
        if not isinstance(value, dict):
            raise self.refuse(key, "is not a table")
        return Table(value, self.file, f"{self.place}{key}.")

    def tables(self, key: str) -> list[Table]:
        value = self._found(key, ())
        if not isinstance(value, list | tuple) or not all(isinstance(one, dict) for one in value):
            raise self.refuse(key, f"is not a list of tables, [[{key}]]")
        return [
            Table(one, self.file, f"{self.place}{key}[{number}].")
            for number, one in enumerate(value)
        ]


# Stands for "there is no default".
REQUIRED: Any = object()
