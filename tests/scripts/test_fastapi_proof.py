"""The commands that compare FastAPI with its compiled form find differences, and the page shows what they found."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel

import asgi_exchange
import fastapi_real_apps
import fastapi_suite
import proof_record
from openapi_requests import Request, requests_for
from places import ROOT


class Item(BaseModel):
    name: str
    tags: list[str] = []


def app() -> FastAPI:
    app = FastAPI()

    @app.put("/items/{number}")
    def put(number: int, item: Item, page: Annotated[int, Query(ge=1)] = 1) -> dict[str, Any]:
        return {"number": number, "item": item, "page": page}

    return app


def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(proof_record.RECORD.read_text())
    return found


def test_page_shows_the_record() -> None:
    text = proof_record.PAGE.read_text()
    assert text == proof_record.page_with(text, proof_record.tables(kept()))


@pytest.mark.parametrize("part", ["tests", "real_apps"])
def test_nothing_differed(part: str) -> None:
    found = kept()[part]["found"]
    assert found and all(run["differences"] == 0 for run in found.values())


@pytest.mark.parametrize(
    ("part", "requirements"),
    [("tests", "fastapi_suite.txt"), ("real_apps", "fastapi_real_apps.txt")],
)
def test_record_is_of_the_pinned_versions(part: str, requirements: str) -> None:
    text = (ROOT / "requirements" / requirements).read_text()
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)", text, flags=re.MULTILINE))
    for name, version in kept()[part]["versions"].items():
        assert pinned[name] == version, f"run the command that writes {part}"


def test_a_document_and_a_seed_make_the_same_requests() -> None:
    document = app().openapi()
    first, second = list(requests_for(document, 7)), list(requests_for(document, 7))
    assert first == second != list(requests_for(document, 8))


def test_requests_are_likely_and_odd() -> None:
    async def statuses() -> set[int]:
        served = app()
        requests = requests_for(served.openapi(), 7)
        return {(await asgi_exchange.exchange(served, each, {}))["status"] for each in requests}

    assert asyncio.run(statuses()) >= {200, 404, 405, 422}


def test_what_an_app_raises_is_noted() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("broken")

    found = asyncio.run(asgi_exchange.exchange(broken, Request("GET", "/"), {}))
    assert (found["status"], found["error"]) == (None, "ValueError: broken")


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"status": 201}, True),
        ({"headers": [["a", "c"]]}, True),
        ({"error": "ValueError: x"}, True),
        ({"body": "at 2026-01-02T03:04:06.5Z, 2"}, True),
        ({"body": "at 2026-01-02T03:04:06.5Z, 1"}, False),
        ({}, False),
    ],
)
def test_answers_are_compared_but_for_the_time(changed: dict[str, Any], differs: bool) -> None:
    answer = {"request": "GET /", "status": 200, "headers": [["a", "b"]], "error": None}
    plain = {**answer, "body": "at 2026-01-02T03:04:05Z, 1"}
    outcome = fastapi_real_apps.Outcome(
        "name", {"answers": [plain]}, {"answers": [{**plain, **changed}]}
    )
    assert bool(outcome.differences()) is differs


def test_tests_that_end_in_another_way_are_found() -> None:
    plain = fastapi_suite.Run({"a": "passed", "b": "failed", "c": "passed"}, {}, 0, 0)
    other = fastapi_suite.Run({"a": "failed", "b": "failed", "d": "passed"}, {"a": "why"}, 0, 0)
    found = fastapi_suite.differences(plain, other)
    assert [line[0] for line in found] == ["a", "c", "d"]
    assert "why" in found[0]
