"""The same handlers in a native app and in FastAPI: what docs/native-answers.md says is the same, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server_process import ServerProcess

HANDLERS = """
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from {package} import {cls}, Body, Header, HTTPException, Query

app = {cls}()


class Item(BaseModel):
    my_field: int = Field(alias="myField")


# The order matters: typing keeps one Annotated for parts that compare equal.
@app.get("/bool-or-int")
async def bool_or_int(v: Annotated[bool | int, Query()]):
    return {{"v": v}}


@app.get("/int-or-bool")
async def int_or_bool(v: Annotated[int | bool, Query()]):
    return {{"v": v}}


@app.post("/body-bool-or-int")
async def body_bool_or_int(v: Annotated[bool | int, Body()]):
    return {{"v": v}}


@app.post("/body-int-or-bool")
async def body_int_or_bool(v: Annotated[int | bool, Body()]):
    return {{"v": v}}


@app.get("/model")
async def model():
    return Item(myField=1)


@app.get("/models")
async def models():
    return {{"items": [Item(myField=1)]}}


@app.post("/model")
async def read_model(item: Item):
    return item


@app.post("/mapping")
async def mapping(numbers: dict[int, int]):
    return numbers


@app.post("/flag")
async def flag(on: Annotated[bool, Body()]):
    return {{"on": on}}


@app.post("/count")
async def count(number: Annotated[int, Body()]):
    return {{"number": number}}


@app.get("/moment")
async def moment(v: datetime):
    return {{"v": v}}


@app.get("/token")
async def token(number: Annotated[int, Header(alias="X-Count")]):
    return {{"number": number}}


@app.get("/amount/{{text}}")
async def amount(text: str):
    return {{"amount": Decimal(text)}}


@app.get("/status/{{status}}")
async def status(status: int):
    raise HTTPException(status)

"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., list[Any]]]:
    """Asks both apps the same, and returns the answer of each."""
    folder = tmp_path_factory.mktemp("both")
    for module, package, cls in (("own", "turbo_shard", "App"), ("fast", "fastapi", "FastAPI")):
        Path(folder, f"{module}.py").write_text(HANDLERS.format(package=package, cls=cls))
    with (
        ServerProcess("own:app", "--shards", "1", app_dir=folder) as own,
        ServerProcess("fast:app", "--shards", "1", app_dir=folder) as fast,
        own.client() as own_client,
        fast.client() as fast_client,
    ):

        def ask(method: str, path: str, **more: Any) -> list[httpx.Response]:
            return [client.request(method, path, **more) for client in (own_client, fast_client)]

        yield ask


def said(answer: httpx.Response) -> tuple[int, str | None, Any]:
    """Status, type and body, whose keys FastAPI orders as pydantic does."""
    body = json.loads(answer.content) if answer.content else None
    return answer.status_code, answer.headers.get("content-type"), body


@pytest.mark.parametrize(
    "path",
    [
        "/bool-or-int?v=1",
        "/int-or-bool?v=1",
        "/int-or-bool?v=true",
        "/model",
        "/models",
        "/moment?v=5.",
        "/moment?v=.5",
        "/moment?v=.",
        "/amount/1.10",
        "/status/204",
        "/status/304",
        "/status/404",
    ],
)
def test_question_without_a_body_is_answered_alike(both: Callable[..., Any], path: str) -> None:
    own, fast = both("GET", path)
    assert said(own) == said(fast)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/body-bool-or-int", "1"),
        ("/body-int-or-bool", "1"),
        ("/body-int-or-bool", "true"),
        ("/model", '{"myField": 1}'),
        ("/model", '{"my_field": 1}'),
        ("/model", "[]"),
        ("/model", "5"),
        ("/mapping", '{"a": null, "2": "x", "3": 4}'),
        ("/mapping", '{"1": 2}'),
        ("/flag", "5.0"),
        ("/flag", "0.5"),
        ("/flag", "9223372036854775808"),
        ("/flag", "1.0"),
        ("/count", "123456789012345678901234567890.5"),
        ("/count", "1e30"),
        ("/count", "123456789012345678901234567890"),
    ],
)
def test_body_is_answered_alike(both: Callable[..., Any], path: str, body: str) -> None:
    own, fast = both("POST", path, content=body, headers={"content-type": "application/json"})
    assert said(own) == said(fast)


@pytest.mark.parametrize("name", ["X-Count", "x-count"])
def test_header_is_named_as_its_alias_spells_it(both: Callable[..., Any], name: str) -> None:
    own, fast = both("GET", "/token", headers={name: "x"})
    assert said(own) == said(fast)
    assert own.json()["detail"][0]["loc"] == ["header", "X-Count"]
    assert [said(one)[2] for one in both("GET", "/token", headers={name: "3"})] == [
        {"number": 3}
    ] * 2
    assert [said(one)[0] for one in both("GET", "/token")] == [422, 422]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_decimal_that_is_no_number_is_an_error_in_both(both: Callable[..., Any], text: str) -> None:
    assert [one.status_code for one in both("GET", f"/amount/{text}")] == [500, 500]
