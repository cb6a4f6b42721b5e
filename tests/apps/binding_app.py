"""Handlers whose arguments, calls and answers are unusual."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Annotated, Any

from turbo_shard import (
    App,
    Body,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
    StreamingResponse,
)

app = App()
HELD_S = 0.12


@app.get("/text/{text}")
def text(text: str) -> str:
    return text


@app.get("/rest/{rest:path}")
def rest(rest: str) -> str:
    return rest


@app.get("/query")
def query(
    q: str, n: int = 0, *, many: Annotated[list[str] | None, Query(alias="m[]")] = None
) -> Any:
    return [q, n, many]


@app.post("/numbers")
def numbers(body: list[int], limit: int = 10) -> list[int]:
    return body[:limit]


@app.post("/text")
def posted_text(body: Annotated[str, Body()] = "nothing") -> str:
    return body


@app.post("/request-body")
def request_body(request: Request) -> Any:
    return [request.json(), len(request.body)]


@app.get("/state")
def state(request: Request) -> Any:
    # A cycle, which only the collector can undo.
    request.state["itself"] = request
    return {"client": list(request.client or ()), "same": request.state["itself"] is request}


@app.get("/token")
def token(x_token: Annotated[str, Header()]) -> str:
    return x_token


@app.get("/slow")
def slow() -> str:
    time.sleep(HELD_S)
    return "slow"


def decorated(handler: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return handler(*args, **kwargs)

    return wrapper


@app.get("/wrapped/{number}")
@decorated
async def wrapped(number: int) -> dict[str, int]:
    return {"number": number}


@app.get("/blocking/refused", blocking=True)
def blocking_refused() -> None:
    raise HTTPException(403, {"reason": "no"}, headers={"x-why": "because"})


@app.get("/blocking/stream", blocking=True)
def blocking_stream() -> StreamingResponse:
    return StreamingResponse(iter(["a", "b"]))


@app.get("/blocking/wrapped", blocking=True)
@decorated
async def blocking_wrapped() -> str:
    return "awaited"


@app.get("/tags")
def tags(tag: list[str] = []) -> list[str]:  # noqa: B006
    tag.append("added")
    return tag


user = ContextVar("user", default="nobody")


def signed_in() -> str:
    before = user.get()
    user.set("somebody")
    return before


app.get("/context/inline")(signed_in)
app.get("/context/blocking", blocking=True)(signed_in)


@app.get("/context/async")
async def context_async() -> str:
    before = signed_in()
    await asyncio.sleep(0)
    return before


@app.get("/loop/stop")
async def loop_stop() -> str:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.001)
    return "still there"


@app.get("/response/{kind}")
def response(kind: str) -> Any:
    made = Response(b"12345", headers={"x-a": "1"})
    match kind:
        case "length":
            made.headers["content-length"] = "5"
        case "wrong-length":
            made.headers["content-length"] = "4"
        case "body":
            made.body = "text"  # type: ignore[assignment]
        case "status":
            made.status_code = "200"  # type: ignore[assignment]
        case "in-tuple":
            return made, 200
        case "long-tuple":
            return 1, 2, 3, 4
    return made


if os.environ.get("WITH_ABSENT"):

    @app.get("/absent")
    def takes_absent(it: Absent) -> None: ...  # type: ignore[name-defined]  # noqa: F821
