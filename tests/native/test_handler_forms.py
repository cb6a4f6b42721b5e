"""Handlers are found behind their wrappers, and what their defaults and statuses become."""

from __future__ import annotations

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from turbo_shard import App

if TYPE_CHECKING:
    from nowhere import Absent  # type: ignore[import-not-found]


def takes_nothing() -> None: ...


def kinds(handler: Any) -> dict[str, str]:
    app = App()
    app.get("/")(handler)
    [plan] = app.plans()
    return {one.name: one.kind for one in plan.arguments}


def test_annotations_of_wrapped_functions_are_seen() -> None:
    def plain(n: int) -> None: ...

    class Counted:
        """A decorator that is a class, like many."""

        def __init__(self, function: Callable[..., Any]) -> None:
            functools.update_wrapper(self, function)

        def __call__(self, *arguments: Any, **named: Any) -> None: ...

    for handler in (staticmethod(plain), functools.cache(plain), Counted(plain)):
        assert kinds(handler) == {"n": "int"}


def test_returned_annotation_may_be_for_type_checkers_only() -> None:
    def handler(n: int) -> Absent: ...

    assert kinds(handler) == {"n": "int"}


def test_status_may_be_of_its_enum() -> None:
    app = App()
    app.post("/", status_code=HTTPStatus.CREATED)(takes_nothing)
    [plan] = app.plans()
    assert plan.status_code == 201
    assert type(plan.status_code) is int


def test_defaults_that_can_be_changed_are_made_again() -> None:
    def handler(a: int = 1, b: list[str] = [], c: str | None = None) -> None: ...  # noqa: B006

    app = App()
    app.get("/")(handler)
    first, second, third = app.plans()[0].arguments
    assert first.new_default is None and third.new_default is None
    assert second.new_default is not None
    assert second.new_default() == [] and second.new_default() is not second.new_default()
