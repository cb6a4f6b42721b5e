"""One request as TurboAPI's parts see it: the mappings that parameters are bound from, and the request object that
handlers, middleware and exception handlers get. Each part is decoded when it is first read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, overload
from urllib.parse import urlsplit

from ..._native import Request
from .fields import Fields, request_fields
from .forms import Form, FormFault, form_of


class BodyFault(Exception):
    """The body is not what the handler asks for. Answered as TurboAPI does: 400 with `error` and `detail`."""


def json_of(body: bytes) -> Any:
    """The body as JSON, whatever its type says: TurboAPI does not look at it."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "too deep" if isinstance(error, RecursionError) else str(error)
        raise BodyFault(f"Invalid JSON body: {reason}") from None


class Lazy[T]:
    """A property that is made once and kept in a slot. functools.cached_property keeps it in the instance's dict, which
    takes tens of microseconds to make on free-threaded 3.13."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self.make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self.slot = f"_{name}"

    @overload
    def __get__(self, instance: None, owner: type) -> Lazy[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object, owner: type) -> Lazy[T] | T:
        if instance is None:
            return self
        found = getattr(instance, self.slot, self)
        if found is self:
            found = self.make(instance)
            setattr(instance, self.slot, found)
        return found


class Exchange:
    """What the arguments of one request are computed from: the view of plans, made of the native request."""

    __slots__ = (
        *("source", "tasks", "socket"),
        *("_path_params", "_query", "_headers", "_cookies", "_body", "_json", "_form", "_request"),
    )

    def __init__(self, source: Request) -> None:
        self.source = source
        self.tasks: list[Any] = []
        """The BackgroundTasks that were handed out; they run after the answer."""
        self.socket: Any = None
        """What a WebSocket handler talks through."""

    @Lazy
    def path_params(self) -> dict[str, str]:
        return dict(self.source.path_params)

    @Lazy
    def query(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.source.query_params.multi_items():
            found.setdefault(name, []).append(value)
        return found

    @Lazy
    def headers(self) -> Fields:
        return request_fields(self.source.headers.multi_items())

    @Lazy
    def cookies(self) -> dict[str, str]:
        return dict(self.source.cookies)

    @Lazy
    def body(self) -> bytes:
        return self.source.body

    @Lazy
    def json(self) -> Any:
        return json_of(self.body)

    @Lazy
    def form(self) -> Form:
        try:
            return form_of(self.body, self.headers.get("content-type", ""))
        except FormFault as fault:
            raise BodyFault(f"Invalid form: {fault}") from None

    @Lazy
    def request(self) -> ServedRequest:
        """The one request object that all parts see: the handler finds on it what a middleware has put there."""
        return ServedRequest(self)


class Url(str):
    """A URL that can be asked for its parts."""

    __slots__ = ()

    @property
    def scheme(self) -> str:
        return urlsplit(self).scheme

    @property
    def hostname(self) -> str | None:
        return urlsplit(self).hostname

    @property
    def path(self) -> str:
        return urlsplit(self).path

    @property
    def query(self) -> str:
        return urlsplit(self).query


class ServedRequest:
    """Stands for TurboAPI's Request: the same attributes and methods, but it decodes only what is read."""

    # And a dict, made when the app puts an attribute of its own on it.
    __slots__ = (
        *("_exchange", "method", "path_params", "client_addr", "__dict__"),
        *("_url", "_path", "_query_string", "_headers", "_query_params", "_cookies", "_body"),
    )

    def __init__(self, exchange: Exchange) -> None:
        source = exchange.source
        self._exchange = exchange
        self.method: str = source.method
        self.path_params = exchange.path_params
        self.client_addr: str = (source.client or ("unknown",))[0]

    @Lazy
    def url(self) -> Url:
        return Url(self._exchange.source.url)

    @Lazy
    def path(self) -> str:
        return self._exchange.source.path

    @Lazy
    def query_string(self) -> str:
        return self._exchange.source.query_string.decode("utf-8", "replace")

    @Lazy
    def headers(self) -> Fields:
        return self._exchange.headers

    @Lazy
    def query_params(self) -> dict[str, str]:
        return {name: values[-1] for name, values in self._exchange.query.items()}

    @Lazy
    def cookies(self) -> dict[str, str]:
        return self._exchange.cookies

    @Lazy
    def body(self) -> bytes:
        return self._exchange.body

    @property
    def content_type(self) -> str | None:
        found: str | None = self.headers.get("content-type")
        return found

    @property
    def content_length(self) -> int:
        return len(self.body)

    def get_header(self, name: str, default: str | None = None) -> str | None:
        found: str | None = self.headers.get(name, default)
        return found

    def text(self) -> str:
        return self.body.decode("utf-8")

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    def validate_json(self, model_class: Any) -> Any:
        return model_class.model_validate(self.json()) if self.body else None

    def model_dump(self) -> dict[str, Any]:
        names = ("method", "path", "query_string", "headers", "path_params", "query_params", "body")
        return {name: getattr(self, name) for name in names}
