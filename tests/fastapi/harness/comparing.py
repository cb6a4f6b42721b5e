"""Asks two instances of one app the same, one as FastAPI has it and one compiled, and shows where they differ.

    TURBO_SHARD_FASTAPI_AGAINST=fastapi .venv/bin/python -m pytest tests/fastapi

compares FastAPI with itself: a failure there is a fault of the test. Knows no single feature of FastAPI.
"""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self, cast

import pytest
from fastapi import FastAPI

from asked import Asked, asked
from exchange import AsgiApp, Record, exchange, with_lifespan

type MakeApp = Callable[[], FastAPI]
type Compile = Callable[[FastAPI], AsgiApp]
type Step = Asked | str | Callable[[FastAPI], object]

IS_AGAINST_ITSELF = os.environ.get("TURBO_SHARD_FASTAPI_AGAINST") == "fastapi"


class Different(AssertionError):
    """Two instances did not do the same."""


def compiled(app: FastAPI) -> AsgiApp:
    if IS_AGAINST_ITSELF:
        return cast(AsgiApp, app)
    from turbo_shard.compile.fastapi import compiled_app

    return cast(AsgiApp, compiled_app(app))


class Pair:
    """Two instances of an app and the loop that both live on."""

    def __init__(self, make_app: MakeApp, *, compile: Compile = compiled) -> None:
        self.app, self.twin = make_app(), make_app()
        self._sides = (cast(AsgiApp, self.app), compile(self.twin))
        self._runner = asyncio.Runner()

    def ask(self, request: Asked | str) -> Record:
        """What both answer, if they do the same."""
        request = asked(request)
        records = [self._runner.run(exchange(side, request)) for side in self._sides]
        return same(records, str(request))

    def ask_all(self, requests: Iterable[Asked | str]) -> None:
        """One after another; tells of all that differ."""
        found = []
        for request in requests:
            try:
                self.ask(request)
            except Different as different:
                found.append(str(different))
        if found:
            raise Different(f"{len(found)} differ\n" + "\n".join(found[:8]))

    def change(self, act: Callable[[FastAPI], object]) -> None:
        """Does something to both."""
        for app in (self.app, self.twin):
            act(app)

    def close(self) -> None:
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def compare(make_app: MakeApp, *steps: Step, compile: Compile = compiled) -> list[Record]:
    """The records of requests to instances of their own, between startup and shutdown.

    A step that is a function is called with each instance, between the requests."""
    plain, twin = make_app(), make_app()
    ours = _walked(steps, plain, cast(AsgiApp, plain))
    theirs = _walked(steps, twin, compile(twin))
    return [
        same([one, other], f"request {number}: {line}")
        for number, ((line, one), (_, other)) in enumerate(zip(ours, theirs, strict=True))
    ]


def _walked(steps: Sequence[Step], app: FastAPI, side: AsgiApp) -> list[tuple[str, Record]]:
    async def act(state: dict[str, Any]) -> list[tuple[str, Record]]:
        records = []
        for step in steps:
            if isinstance(step, Asked | str):
                request = asked(step)
                records.append((str(request), await exchange(side, request, state)))
            else:
                step(app)
        return records

    return asyncio.run(with_lifespan(side, act))


def same(records: list[Record], line: str) -> Record:
    expected, got = records
    if expected != got:
        difference = difflib.ndiff(expected.lines(), got.lines())
        raise Different(f"{line}\n- is FastAPI, + is compiled\n" + "\n".join(difference))
    return got


class Pairs:
    """A pair for each app that is asked for."""

    def __init__(self) -> None:
        self._made: dict[MakeApp, Pair] = {}

    def __getitem__(self, make_app: MakeApp) -> Pair:
        if make_app not in self._made:
            self._made[make_app] = Pair(make_app)
        return self._made[make_app]

    def close(self) -> None:
        for pair in self._made.values():
            pair.close()


def each(make_app: MakeApp, *requests: Asked | str) -> list[Any]:
    """Cases for `parametrize(("make_app", "request_"), …)`."""
    return [
        pytest.param(make_app, request, id=f"{make_app.__name__}: {asked(request)}")
        for request in requests
    ]
