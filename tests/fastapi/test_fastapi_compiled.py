"""Which routes of these tests' apps are compiled: all but a few, listed here. A comparison alone does not tell."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from fastapi import FastAPI

from comparing import IS_AGAINST_ITSELF, MakeApp
from made_apps import made_app
from made_source import make_app_of, source_of
from turbo_shard.compile.fastapi import report, why_not

# What FastAPI serves itself, in which app, and why.
LEFT_TO_FASTAPI: dict[str, set[str]] = {
    "middleware limited": {"its router has middleware of its own"},
    "paths convertors": {"its path needs a regular expression"},
    "paths constrained": {"its path needs a regular expression"},
    "rare named": {"a dependency has a parameter called func, which FastAPI fails to give it"},
    "rare outer_params": {"a mounted app"},
    "responses streams": {"its endpoint yields what it answers"},
    "routes beside": {
        "a Host of its own rules",
        "a WebSocket",
        "a mounted app",
        "a route class of its own (Logged)",
        "a route class of its own (Renamed)",
        "a route of Starlette",
    },
    "routes below_a_root": {"a mounted app"},
}

pytestmark = pytest.mark.skipif(IS_AGAINST_ITSELF, reason="FastAPI is compared with itself")


def makers() -> Iterator[MakeApp]:
    """All functions beside this file that make an app of nothing."""
    for file in sorted(Path(__file__).parent.glob("test_fastapi_*.py")):
        module = importlib.import_module(file.stem)
        for found in list(vars(module).values()):
            if inspect.isfunction(found) and found.__module__ == module.__name__:
                signature = inspect.signature(found)
                if signature.return_annotation in (FastAPI, "FastAPI") and not signature.parameters:
                    yield found


def reasons_of(app: FastAPI) -> list[str]:
    """Why routes, or all of them, are not compiled; without those that FastAPI adds for its documentation."""
    if reason := why_not(app):
        return [reason]
    own = ("", "a page of FastAPI's own")
    return [route.reason for route in report(app) if route.reason not in own]


def test_every_other_route_has_a_plan() -> None:
    found = {}
    count = 0
    for make_app in makers():
        app = make_app()
        count += len(report(app))
        if reasons := set(reasons_of(app)):
            found[f"{make_app.__module__.removeprefix('test_fastapi_')} {make_app.__name__}"] = (
                reasons
            )
    assert found == LEFT_TO_FASTAPI
    assert count > 1000


def test_routes_of_made_apps_have_plans() -> None:
    for number in range(40):
        assert reasons_of(make_app_of(source_of(made_app(Random(number))))) == []
