"""Makes the plan of each argument: where the native side finds it, or a function that fetches it from an exchange, and
the reader that knows TurboAPI's rules for it. Binds nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

from ...native.errors import InputError, fault
from ...native.models import is_model
from ...native.plan import MISSING, ArgumentPlan
from ...native.structures import members
from .exchange import BodyFault, Exchange, json_of
from .fields import separator_of
from .forms import is_form
from .limits import checked, limits_of
from .names import class_beside, is_kind, loaded_class
from .parameters import Dialect, Slot

type Fetch = Callable[[Exchange], Any]
"""Returns the value, or MISSING where there is none."""

LOCATIONS = {"loose": "query", "field": "body", "form": "body", "file": "body", "raw": "body"}
NATIVE_KINDS = {str: "str", int: "int", float: "float", bool: "bool"}


class Site(NamedTuple):
    """Where a function is called: what is known of its route."""

    # What a refusal calls it.
    where: str
    path: str
    path_names: tuple[str, ...]
    has_body: bool
    dialect: Dialect
    # Code of the app has had the request before the arguments are made: they come from the exchange, which it may have
    # changed.
    is_preceded: bool = False


class Native(NamedTuple):
    """How the native side finds an argument by itself."""

    source: str
    kind: str
    many: bool
    read: Callable[..., Any] | None


def arguments_of(
    slots: tuple[Slot, ...],
    site: Site,
    scopes: tuple[str, ...] = (),
    *,
    shares_json: bool = False,
) -> tuple[ArgumentPlan, ...]:
    """The plans of a function's arguments, in the order of its parameters. `shares_json`: other functions of the same
    request read its JSON too, and all are given the same objects."""
    sources = [slot.source for slot in slots if slot.source != "scopes"]
    bodies = Bodies(
        site.dialect,
        has_body=site.has_body,
        # TurboAPI 1.x gives a lone parameter the whole body, even if the body has a field of its name.
        takes_field_first=site.dialect.is_first or len(sources) > 1,
        # If others may be in the body too, it is a dict of them; else one parameter may have all of it.
        are_shared=sum(source in ("loose", "field", "body") for source in sources) > 1,
        from_exchange=shares_json,
    )
    return tuple(
        _argument(number, slot, bodies, scopes, site.is_preceded)
        for number, slot in enumerate(slots)
    )


def _argument(
    number: int, slot: Slot, bodies: Bodies, scopes: tuple[str, ...], is_preceded: bool
) -> ArgumentPlan:
    found = None if is_preceded else bodies.native(slot)
    if found is None:
        found = Native("computed", "other", False, bodies.fetch(slot, scopes))
    # A body as it is, is never missing.
    required = slot.default is MISSING or slot.source == "raw"
    location = LOCATIONS.get(slot.source, slot.source)
    return ArgumentPlan(
        name=slot.name,
        slot=number,
        source=found.source,
        alias=slot.alias,
        place=(location,) if slot.source == "body" else (location, slot.alias),
        kind=found.kind,
        many=found.many,
        keyword_only=slot.keyword_only,
        required=required,
        default=None if required else slot.default,
        # A mutable default belongs to the handler's author, as everywhere in Python.
        new_default=None,
        read=found.read,
    )


class Bodies(NamedTuple):
    """How the parameters of one function share its body, and so where each of them is found."""

    dialect: Dialect
    has_body: bool
    takes_field_first: bool
    are_shared: bool
    # The exchange's JSON is read, not the bytes.
    from_exchange: bool

    def native(self, slot: Slot) -> Native | None:
        """None if the native side cannot find it."""
        if slot.source == "raw":
            return Native("body", "bytes", False, None)
        if slot.source == "body" and not self.are_shared and not self.from_exchange:
            return Native("body", "json", False, _reader_of_bytes(self._whole(slot)))
        is_query = slot.source == "loose" and not self.has_body and not self._by_header(slot)
        source = "query" if is_query else slot.source
        if source not in ("path", "query", "header", "cookie"):
            return None
        read = checked(slot, slot.read)
        if source == "header":
            return Native(source, "other", True, read if slot.many else _joined(slot, read))
        return Native(source, _kind(slot), slot.many and source == "query", read)

    def fetch(self, slot: Slot, scopes: tuple[str, ...]) -> Fetch:
        """A function that finds it in an exchange."""
        makers: dict[str, Callable[[Slot], Fetch]] = {
            "path": _from_path,
            "query": _from_query,
            "header": _from_headers,
            "cookie": _from_cookies,
            "form": _from_form,
            "file": _from_files,
            "field": self._from_field,
            "body": self._from_body,
            "loose": self._from_anywhere,
            "tasks": _tasks_of,
        }
        if slot.source in makers:
            return makers[slot.source](slot)
        if slot.source == "scopes":
            return lambda exchange: slot.annotation(scopes=list(scopes))
        if slot.source == "raw":
            return lambda exchange: exchange.body
        return lambda exchange: exchange.request

    def _by_header(self, slot: Slot) -> bool:
        """1.x, documented for str with a default: what is not in the query may be a header of that name."""
        kinds = () if slot.annotation is MISSING else members(slot.annotation)
        is_text = slot.annotation is MISSING or str in kinds
        return not self.dialect.is_first and is_text and slot.default is not MISSING

    def _from_anywhere(self, slot: Slot) -> Fetch:
        """Query, then perhaps a header, then the body's field."""
        from_query = _from_query(slot)
        by_header = self._by_header(slot)
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

        read = checked(slot, _reader(slot.name, slot.annotation, from_text=False))

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
        read = self._whole(slot)
        return lambda exchange: read(exchange.json) if exchange.body else MISSING

    def _whole(self, slot: Slot) -> Callable[[Any], Any]:
        """Reads a whole body, or its own part of it."""
        is_whole_always = any(map(is_model, members(slot.annotation)))
        embed = bool(getattr(slot.marker, "embed", False))

        def read(value: Any) -> Any:
            is_field = isinstance(value, dict) and slot.alias in value
            if is_field and (embed or (self.takes_field_first and not is_whole_always)):
                value = value[slot.alias]
            elif embed or (self.are_shared and not is_whole_always):
                return MISSING
            try:
                return slot.read(value)
            except InputError as error:
                if self.dialect.is_first:
                    raise BodyFault(
                        f"Validation error for {slot.name}: {error_text(error)}"
                    ) from None
                raise

        return read


def _reader_of_bytes(read: Callable[[Any], Any]) -> Callable[[bytes, str | None], Any]:
    def read_body(body: bytes, content_type: str | None) -> Any:
        try:
            return read(json_of(body))
        except InputError as error:
            raise error.under("body") from None

    return read_body


def _joined(slot: Slot, read: Callable[[Any], Any]) -> Callable[[list[str]], Any]:
    """Several fields of one name are read as one."""
    separator = separator_of(slot.alias)
    return lambda values: read(separator.join(values))


def _kind(slot: Slot) -> str:
    """How the native side may read the text; it leaves other spellings and kinds to the reader."""
    if slot.many or limits_of(slot):
        return "other"
    if slot.annotation is MISSING:
        return "str"
    kinds = [kind for kind in members(slot.annotation) if kind is not type(None)]
    is_class = len(kinds) == 1 and isinstance(kinds[0], type)
    return NATIVE_KINDS.get(kinds[0], "other") if is_class else "other"


def error_text(error: InputError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, one['loc']))}: {one['msg']}" if one["loc"] else one["msg"]
        for one in error.errors
    )


def _from_path(slot: Slot) -> Fetch:
    read = checked(slot, slot.read)

    def fetch(exchange: Exchange) -> Any:
        value = exchange.path_params.get(slot.alias)
        return MISSING if value is None else read(value)

    return fetch


def _from_query(slot: Slot) -> Fetch:
    return _from_lists(slot, lambda exchange: exchange.query)


def _from_form(slot: Slot) -> Fetch:
    return _from_lists(slot, lambda exchange: exchange.form.fields if exchange.body else {})


def _from_lists(slot: Slot, lists: Callable[[Exchange], dict[str, list[str]]]) -> Fetch:
    read = checked(slot, slot.read)

    def fetch(exchange: Exchange) -> Any:
        values = lists(exchange).get(slot.alias)
        if values is None:
            return MISSING
        return read(values if slot.many else values[-1])

    return fetch


def _from_headers(slot: Slot) -> Fetch:
    read = checked(slot, slot.read)

    def fetch(exchange: Exchange) -> Any:
        if slot.many:
            values = exchange.source.headers.getlist(slot.alias)
            return read(values) if values else MISSING
        value = exchange.headers.get(slot.alias)
        return MISSING if value is None else read(value)

    return fetch


def _from_cookies(slot: Slot) -> Fetch:
    read = checked(slot, slot.read)

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
