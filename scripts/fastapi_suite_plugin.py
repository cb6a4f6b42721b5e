"""A pytest plugin: FastAPI's own tests see their own apps, whose requests are answered by compiled plans.

FastAPI's `__call__` alone is replaced, so a test that looks at its app finds what it made. It also writes down how each
test ended, and how many requests a plan has answered. Settings are in the environment:

    FASTAPI_SUITE_ARM      plain: as it is; compiled: FastAPI by plans; direct: compiled apps' BaseHTTPMiddleware
    FASTAPI_SUITE_REPORT   the file to write
"""

from __future__ import annotations

import json
import os
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware

import counted_plans
from turbo_shard.compile.fastapi import adopted, compiled_app, http_middleware
from turbo_shard.compile.fastapi.known_code import check_functions

if TYPE_CHECKING:
    import pytest

# In the app's own dictionary, so that both vanish together; no test lists the attributes of an app.
COMPILED = "_compiled_by_turbo_shard"
ordinary_call = FastAPI.__call__
# Whose request is in the hands of its compiled form: if that calls the app, FastAPI itself is meant.
served_now: ContextVar[FastAPI | None] = ContextVar("served_now", default=None)

requests = 0
# How each test ended, by its id; and what it said if it failed.
endings: dict[str, str] = {}
complaints: dict[str, str] = {}


async def call_compiled(self: FastAPI, scope: Any, receive: Any, send: Any) -> None:
    global requests
    if scope["type"] != "http":
        return await ordinary_call(self, scope, receive, send)
    if served_now.get() is self:
        return await ordinary_call(self, scope, receive, send)
    requests += 1
    # Compiled when the first request comes, for tests add routes to an app that they have made.
    compiled = self.__dict__.get(COMPILED)
    if compiled is None:
        compiled = self.__dict__[COMPILED] = compiled_app(self)
    token = served_now.set(self)
    try:
        await compiled(scope, receive, send)
    finally:
        served_now.reset(token)


def check_what_there_was() -> None:
    """An app is compiled only if FastAPI's own functions are in place; all of them are, but for what is done here."""
    FastAPI.__call__ = ordinary_call  # type: ignore[method-assign]
    try:
        check_functions()
    finally:
        FastAPI.__call__ = call_compiled  # type: ignore[method-assign]


async def call_directly(self: BaseHTTPMiddleware, scope: Any, receive: Any, send: Any) -> None:
    global requests
    requests += 1
    counted_plans.count += 1
    await http_middleware.direct_call(self, scope, receive, send)


def pytest_configure(config: pytest.Config) -> None:
    arm = os.environ["FASTAPI_SUITE_ARM"]
    if arm == "direct":
        BaseHTTPMiddleware.__call__ = call_directly  # type: ignore[method-assign]
    elif arm == "compiled":
        FastAPI.__call__ = call_compiled  # type: ignore[method-assign]
        counted_plans.start_counting()
        sys.modules[adopted.CompiledApp.__module__].check_functions = check_what_there_was


def ending_of(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return report.outcome


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Set-up and teardown count only if they say more than the test itself."""
    ending = ending_of(report)
    if report.when == "call" or (ending != "passed" and report.nodeid not in complaints):
        endings[report.nodeid] = ending if report.when == "call" else f"{ending} in {report.when}"
    if ending == "failed":
        complaints.setdefault(report.nodeid, report.longreprtext)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if not report.passed:
        endings[report.nodeid] = f"{report.outcome} when collected"
        complaints[report.nodeid] = report.longreprtext


def pytest_sessionfinish() -> None:
    found = {
        "endings": endings,
        "complaints": complaints,
        "requests": requests,
        "by_plans": counted_plans.count,
    }
    Path(os.environ["FASTAPI_SUITE_REPORT"]).write_text(json.dumps(found, indent=1))
