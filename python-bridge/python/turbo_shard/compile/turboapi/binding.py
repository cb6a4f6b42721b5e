"""Finds a parameter's value in an exchange. Reports wrong input in FastAPI's words, all of it at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

from ...native.errors import InputError, fault
from ...native.models import is_model
from ...native.params import MISSING
from ...native.structures import members
from .exchange import BodyFault, Exchange
from .forms import is_form
from .names import class_beside, is_kind, loaded_class
from .parameters import Dialect, Slot

type Fetch = Callable[[Exchange], Any]
"""Returns the value, or MISSING where there is none."""

LOCATIONS = {"loose": "query", "field": "body", "form": "body", "file": "body", "raw": "body"}


class Binder:
    """Fetches the values of those parameters that come from the request itself."""

    def __init__(self, slots: tuple[Slot, ...], dialect: Dialect, *, has_body: bool) -> None:
        self.dialect = dialect
        self.has_body = has_body
        own = [slot for slot in slots if slot.source not in ("depends", "scopes")]
        # TurboAPI 1.x gives a lone parameter the whole body, even if the body has a field of its name.
        self.takes_field_first = dialect.is_first or len(own) > 1
        # If others may be in the body too, it is a dict of them; else one parameter may have all of it.
        self.shares_body = sum(slot.source in ("loose", "field", "body") for slot in own) > 1
        self.fetches = [(slot, self._fetch(slot)) for slot in own]

    def bind(self, exchange: Exchange) -> dict[str, Any]:
        """The arguments by name; InputError or BodyFault for wrong or missing ones."""
        found: dict[str, Any] = {}
        errors: list[dict[str, Any]] = []
        for slot, fetch in self.fetches:
            try:
                value = fetch(exchange)
                if value is MISSING:
                    # A mutable default belongs to the handler's author, as everywhere in Python.
                    value = slot.default
                    if value is MISSING:
                        raise fault("missing", "Field required", None)
                found[slot.name] = value
            except InputError as error:
                location = LOCATIONS.get(slot.source, slot.source)
                errors += error.under(*self._steps(location, slot)).errors
        if errors:
            raise InputError(errors)
        return found

    @staticmethod
    def _steps(location: str, slot: Slot) -> tuple[str, ...]:
        return (location,) if slot.source == "body" else (location, slot.alias)

    def _fetch(self, slot: Slot) -> Fetch:
        sources: dict[str, Callable[[Slot], Fetch]] = {
            "path": _from_path,
            "query": _from_query,
            "header": _from_headers,
            "cookie": _from_cookies,
            "form": _from_form,
            "file": _from_files,
            "field": self._from_field,
            "body": self._from_body,
            "loose": self._from_anywhere,
        }
        if slot.source in sources:
            return sources[slot.source](slot)
        return {
            "raw": lambda exchange: exchange.body,
            "request": lambda exchange: exchange.request,
            "socket": lambda exchange: exchange.socket,
            "tasks": _tasks_of(slot),
        }[slot.source]

    def _from_anywhere(self, slot: Slot) -> Fetch:
        """Query, then (1.x, documented for str with a default) the header of that name, then the body's field."""
        from_query = _from_query(slot)
        kinds = () if slot.annotation is MISSING else members(slot.annotation)
        is_text = slot.annotation is MISSING or str in kinds
        by_header = not self.dialect.is_first and is_text and slot.default is not MISSING
        header = slot.name.replace("_", "-")
        from_field = self._from_field(slot)

        def fetch(exchange: Exchange) -> Any:
            value = from_query(exchange)
            if value is MISSING and by_header:
                value = exchange.headers.get(header, MISSING)
            if value is MISSING and self.has_body and exchange.body:
                if not is_form(exchange.headers.get("content-type", "")):
                    value = from_field(exchange)
            return value

        return fetch

    def _from_field(self, slot: Slot) -> Fetch:
        from .parameters import _reader

        read = _checked(slot, _reader(slot.name, slot.annotation, from_text=False))

        def fetch(exchange: Exchange) -> Any:
            if not exchange.body:
                return MISSING
            whole = exchange.json
            if not isinstance(whole, dict) or slot.alias not in whole:
                return MISSING
            try:
                return read(_as_text_of(slot, whole[slot.alias]))
            except InputError as error:
                if self.dialect.is_first:
                    raise BodyFault(f"Invalid type for {slot.name}: {error}") from None
                raise

        return fetch

    def _from_body(self, slot: Slot) -> Fetch:
        is_whole_always = any(map(is_model, members(slot.annotation)))
        embed = bool(getattr(slot.marker, "embed", False))

        def fetch(exchange: Exchange) -> Any:
            if not exchange.body:
                return MISSING
            value = exchange.json
            is_field = isinstance(value, dict) and slot.alias in value
            if is_field and (embed or (self.takes_field_first and not is_whole_always)):
                value = value[slot.alias]
            elif embed or (self.shares_body and not is_whole_always):
                return MISSING
            try:
                return slot.read(value)
            except InputError as error:
                if self.dialect.is_first:
                    raise BodyFault(
                        f"Validation error for {slot.name}: {error_text(error)}"
                    ) from None
                raise

        return fetch


def error_text(error: InputError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, one['loc']))}: {one['msg']}" if one["loc"] else one["msg"]
        for one in error.errors
    )


def _from_path(slot: Slot) -> Fetch:
    read = _checked(slot, slot.read)

    def fetch(exchange: Exchange) -> Any:
        value = exchange.path_params.get(slot.alias)
        return MISSING if value is None else read(value)

    return fetch


def _from_query(slot: Slot) -> Fetch:
    return _from_lists(slot, lambda exchange: exchange.query)


def _from_form(slot: Slot) -> Fetch:
    return _from_lists(slot, lambda exchange: exchange.form.fields if exchange.body else {})


def _from_lists(slot: Slot, lists: Callable[[Exchange], dict[str, list[str]]]) -> Fetch:
    read = _checked(slot, slot.read)

    def fetch(exchange: Exchange) -> Any:
        values = lists(exchange).get(slot.alias)
        if values is None:
            return MISSING
        return read(values if slot.many else values[-1])

    return fetch


def _from_headers(slot: Slot) -> Fetch:
    read = _checked(slot, slot.read)

    def fetch(exchange: Exchange) -> Any:
        if slot.many:
            values = exchange.source.headers.getlist(slot.alias)
            return read(values) if values else MISSING
        value = exchange.headers.get(slot.alias)
        return MISSING if value is None else read(value)

    return fetch


def _from_cookies(slot: Slot) -> Fetch:
    read = _checked(slot, slot.read)

    def fetch(exchange: Exchange) -> Any:
        value = exchange.cookies.get(slot.alias)
        return MISSING if value is None else read(value)

    return fetch


def _from_files(slot: Slot) -> Fetch:
    kinds = () if slot.annotation is MISSING else members(slot.annotation)
    as_bytes = any(kind in (bytes, bytearray) for kind in kinds)
    upload_class: Any = next((kind for kind in kinds if is_kind(kind, "UploadFile")), None)
    if upload_class is None and slot.marker is not None:
        upload_class = class_beside(type(slot.marker), "UploadFile")
    limit = getattr(slot.marker, "max_length", None)

    def fetch(exchange: Exchange) -> Any:
        files = exchange.form.files.get(slot.alias) if exchange.body else None
        if not files:
            return MISSING
        last = files[-1]
        if limit is not None and len(last.content) > limit:
            message = f"Data should have at most {limit} bytes"
            raise fault("bytes_too_long", message, None, {"max_length": limit})
        if as_bytes or upload_class is None:
            return last.content
        return upload_class(
            filename=last.filename,
            file=BytesIO(last.content),
            content_type=last.content_type,
            size=len(last.content),
        )

    return fetch


def _tasks_of(slot: Slot) -> Fetch:
    tasks_class: Any = None
    if slot.annotation is not MISSING:
        kinds = members(slot.annotation)
        tasks_class = next((kind for kind in kinds if is_kind(kind, "BackgroundTasks")), None)
    tasks_class = tasks_class or loaded_class("background", "BackgroundTasks")

    def fetch(exchange: Exchange) -> Any:
        tasks = tasks_class()
        exchange.tasks.append(tasks)
        return tasks

    return fetch


def _as_text_of(slot: Slot, value: Any) -> Any:
    """TurboAPI makes a str from a number where a str is asked for."""
    if slot.annotation is str and isinstance(value, int | float):
        return str(value)
    return value


def _checked(slot: Slot, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """With the limits that the marker names."""
    limits = {
        name: bound
        for name in ("gt", "ge", "lt", "le", "min_length", "max_length", "regex")
        if (bound := getattr(slot.marker, name, None)) is not None
    }
    if not limits:
        return read
    checks = [_CHECKS[name](bound) for name, bound in limits.items()]

    def read_and_check(value: Any) -> Any:
        found = read(value)
        for check in checks:
            if found is not None and (wrong := check(found)) is not None:
                raise wrong
        return found

    return read_and_check


type Check = Callable[[Any], InputError | None]


def _compared(kind: str, words: str, name: str, holds: Callable[[Any, Any], bool]) -> Any:
    def check_of(bound: Any) -> Check:
        def check(value: Any) -> InputError | None:
            if holds(value, bound):
                return None
            return fault(kind, f"Input should be {words} {bound:g}", value, {name: bound})

        return check

    return check_of


def _sized(kind: str, words: str, name: str, holds: Callable[[int, int], bool]) -> Any:
    def check_of(bound: int) -> Check:
        def check(value: Any) -> InputError | None:
            if holds(len(value), bound):
                return None
            message = f"String should have {words} {bound} character{'' if bound == 1 else 's'}"
            return fault(kind, message, value, {name: bound})

        return check

    return check_of


def _matching(pattern: str) -> Check:
    compiled = re.compile(pattern)

    def check(value: Any) -> InputError | None:
        if compiled.search(str(value)):
            return None
        message = f"String should match pattern '{pattern}'"
        return fault("string_pattern_mismatch", message, value, {"pattern": pattern})

    return check


_CHECKS: dict[str, Callable[[Any], Check]] = {
    "gt": _compared("greater_than", "greater than", "gt", lambda value, bound: value > bound),
    "ge": _compared(
        "greater_than_equal", "greater than or equal to", "ge", lambda value, bound: value >= bound
    ),
    "lt": _compared("less_than", "less than", "lt", lambda value, bound: value < bound),
    "le": _compared(
        "less_than_equal", "less than or equal to", "le", lambda value, bound: value <= bound
    ),
    "min_length": _sized(
        "string_too_short", "at least", "min_length", lambda length, bound: length >= bound
    ),
    "max_length": _sized(
        "string_too_long", "at most", "max_length", lambda length, bound: length <= bound
    ),
    "regex": _matching,
}
