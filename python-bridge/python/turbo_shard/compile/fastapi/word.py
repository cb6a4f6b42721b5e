"""The word that is asked for each request: whether everything that a plan relies on is as it was.

One function for each app, written for its routers, since it is called for every request.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI
from opentelemetry import _logs, metrics, trace

from ... import _native
from .source import Code, Names, build


def state_word(
    app: FastAPI, routers: Sequence[Any], providers: Sequence[Any]
) -> Callable[[], bool]:
    """A function that says whether `app` and these routers, all that it includes, are as they are now.

    It says no as long as one of `providers` has overrides of dependencies.

    Routes that come late count, wherever they come; another middleware stack; providers of telemetry. What FastAPI
    itself would not notice (a list of an included router changed behind its back) is not looked at.
    """
    names = Names()
    own = names.of("app", app)
    router = names.of("router", app.router)
    same = names.of("same_objects", _native.same_objects)
    conditions = [f"not {names.of('provider', each)}.dependency_overrides" for each in providers]
    conditions += [
        f"{own}.middleware_stack is {names.of('stack', app.middleware_stack)}",
        f"{own}.root_path == {app.root_path!r}",
        f"{own}.router is {router}",
        f"{router}.middleware_stack is {names.of('inner', app.router.middleware_stack)}",
        f"{router}.default is {names.of('default', app.router.default)}",
        f"{router}._routes_version == {app.router._routes_version}",
        f"{router}.redirect_slashes == {app.router.redirect_slashes!r}",
        f"{same}({router}.routes, {names.of('routes', list(app.router.routes))})",
    ]
    conditions.append(f"{names.of('json', json)}.dumps is {names.of('dumps', json.dumps)}")
    for included in routers:
        if included is not app.router:
            conditions.append(
                f"{names.of('router', included)}._routes_version == {included._routes_version}"
            )
    for module, attribute in telemetry_providers():
        seen = getattr(module, attribute)
        conditions.append(
            f"{names.of('telemetry', module)}.{attribute} is {names.of('provider', seen)}"
        )
    code = Code()
    with code.block("def word()"):
        code.line(f"return {' and '.join(conditions)}")
    word: Callable[[], bool] = build([code], "word", names)
    return word


@functools.cache
def telemetry_providers() -> tuple[tuple[Any, str], ...]:
    """Where OpenTelemetry's API keeps the global providers: FastAPI's telemetry is on once one is set."""
    places = (
        (trace, "_TRACER_PROVIDER"),
        (metrics._internal, "_METER_PROVIDER"),
        (_logs._internal, "_LOGGER_PROVIDER"),
    )
    return tuple((module, attribute) for module, attribute in places if hasattr(module, attribute))
