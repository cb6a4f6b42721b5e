"""The dependencies of a route as a flat list of calls in FastAPI's order. Says what is called when; writes no code of
it.

FastAPI solves the tree depth first: the parameters of a dependency are read after its own dependencies have been
called; one whose parameters do not fit is not called, and everything beside it still is. A dependency's result is
kept for the request under a key that does not depend on it, so which calls share one is known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi.dependencies.models import (
    Dependant,
    _get_cache_key,
    _is_async_gen_callable,
    _is_coroutine_callable,
    _is_gen_callable,
)

from .parameters import is_field_pure
from .refusal import Refused

Kind = Literal["coroutine", "function", "generator"]


@dataclass(kw_only=True)
class Need:
    """A function and what it needs: the endpoint, or one of the dependencies below it."""

    dependant: Dependant
    kind: Kind
    key: Any
    needs: list[Need] = field(default_factory=list)

    @property
    def takes_request(self) -> bool:
        dependant = self.dependant
        return (
            bool(dependant.request_param_name or dependant.http_connection_param_name)
            or self.kind == "generator"
        )

    def all(self) -> Iterator[Need]:
        """Everything below, and this one, in the order in which FastAPI comes to it."""
        for need in self.needs:
            yield from need.all()
        yield self

    @property
    def can_fail(self) -> bool:
        """Whether a request's parameters may not fit, here or below."""
        return any(map(has_parameters, self.all()))


def has_parameters(need: Need) -> bool:
    dependant = need.dependant
    return bool(
        dependant.path_params
        or dependant.query_params
        or dependant.header_params
        or dependant.cookie_params
        or dependant.body_params
    )


def needs_of(dependant: Dependant, *, is_root: bool = True) -> Need:
    """The tree below a route's endpoint. Raises Refused."""
    key = _get_cache_key(dependant=dependant)
    try:
        hash(key)
    except TypeError:
        raise Refused(f"{dependant.call!r} cannot be hashed") from None
    if kind_of(dependant) == "function" and not is_root and takes_func(dependant):
        raise Refused("a dependency has a parameter called func, which FastAPI fails to give it")
    return Need(
        dependant=dependant,
        kind=kind_of(dependant),
        key=key,
        needs=[needs_of(sub, is_root=False) for sub in dependant.dependencies],
    )


def takes_func(dependant: Dependant) -> bool:
    """Whether a parameter has the name of `run_in_threadpool`'s own."""
    fields = [
        *dependant.path_params,
        *dependant.query_params,
        *dependant.header_params,
        *dependant.cookie_params,
        *dependant.body_params,
    ]
    names = [each.name for each in fields] + [sub.name for sub in dependant.dependencies]
    given = (
        dependant.request_param_name,
        dependant.http_connection_param_name,
        dependant.response_param_name,
        dependant.background_tasks_param_name,
        dependant.security_scopes_param_name,
    )
    return "func" in names or "func" in given


def kind_of(dependant: Dependant) -> Kind:
    if _is_gen_callable(dependant.call) or _is_async_gen_callable(dependant.call):
        return "generator"
    return "coroutine" if _is_coroutine_callable(dependant.call) else "function"


def runs_own_code(root: Need) -> bool:
    """Whether reading the parameters of a request runs code of the app: then it is read when FastAPI would read it."""
    for need in root.all():
        dependant = need.dependant
        fields = [
            *dependant.path_params,
            *dependant.query_params,
            *dependant.header_params,
            *dependant.cookie_params,
            *dependant.body_params,
        ]
        if not all(map(is_field_pure, fields)):
            return True
    return False
