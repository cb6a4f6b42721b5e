"""A FastAPI app without middleware of its own: its routes are plans straight from a request's bytes."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
    WebSocket,
)
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field


class Item(BaseModel):
    name: str
    price: float = Field(gt=0)
    tags: list[str] = []


class Filters(BaseModel):
    limit: int = 10
    words: list[str] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    yield {"greeting": "hello"}


app = FastAPI(lifespan=lifespan)
# What happened, for `/events`.
events: list[str] = []
counted = itertools.count(1)


class Refusal(Exception):
    """Has a handler of the app."""


@app.exception_handler(Refusal)
async def refused(request: Request, error: Refusal) -> JSONResponse:
    return JSONResponse({"refused": str(error), "path": request.url.path}, status_code=418)


async def token(x_token: Annotated[str, Header()]) -> str:
    if x_token == "bad":
        raise HTTPException(401, "no", headers={"www-authenticate": "Token"})
    return x_token


def opened() -> Iterator[str]:
    events.append("opened")
    yield "session"
    events.append("closed")


@app.get("/items/{item_id}")
async def read(item_id: int) -> dict[str, int]:
    return {"item_id": item_id}


@app.get("/plain/{name}")
async def plain(name: str, q: str | None = None) -> Any:
    return {"name": name, "q": q, "ratio": 0.1, "none": None}


@app.get("/files/{path:path}")
async def files(path: str, word: Annotated[list[str], Query()] = []) -> Any:  # noqa: B006
    return [path, word]


@app.get("/on-thread/{item_id}")
def on_thread(item_id: int, session: Annotated[str, Depends(opened)]) -> Any:
    return [item_id, session, threading.current_thread().name.split(" ")[0]]


@app.get("/filters")
async def filters(filters: Annotated[Filters, Query()]) -> Filters:
    return filters


@app.get("/cookies")
async def cookies(a: Annotated[str | None, Cookie()] = None) -> Any:
    return a


@app.post("/items", status_code=201)
async def create(item: Item, response: Response, background: BackgroundTasks) -> Item:
    response.headers["x-kind"] = "item"
    response.set_cookie("last", item.name)
    background.add_task(events.append, f"created {item.name}")
    return item


@app.put("/items/{item_id}")
def update(item_id: int, item: Item, note: Annotated[str | None, Header()] = None) -> Any:
    return {"item_id": item_id, "item": item, "note": note}


@app.get("/request")
async def of_request(request: Request) -> Any:
    await asyncio.sleep(0)
    return {
        "url": str(request.url),
        "state": request.state.greeting,
        "route": request.scope["route"].path,
        "keys": sorted(request.scope),
    }


@app.get("/raises/{kind}")
async def raises(kind: str) -> Any:
    if kind == "http":
        raise HTTPException(404, {"kind": kind})
    if kind == "own":
        raise Refusal(kind)
    if kind == "late":
        await asyncio.sleep(0.001)
    raise ValueError(kind)


@app.get("/text")
async def text() -> Any:
    return PlainTextResponse("text", headers={"x-a": "1"})


@app.get("/stream")
async def stream() -> Any:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"one ", b"two ", b"three"):
            await asyncio.sleep(0)
            yield part

    return StreamingResponse(parts(), media_type="text/plain")


@app.delete("/items/{item_id}", status_code=204)
async def remove(item_id: int) -> None:
    return None


@app.head("/items/{item_id}")
async def look(item_id: int) -> Any:
    return {"item_id": item_id}


@app.get("/events")
async def all_events() -> Any:
    told, events[:] = list(events), []
    return told


@app.get("/counted")
async def count() -> int:
    """Another answer each time it runs."""
    return next(counted)


@app.get("/late")
async def add_late() -> Any:
    @app.get("/was-late")
    async def late() -> Any:
        return "late"

    return "added"


@app.websocket("/ws")
async def greet(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hi")
    await socket.close()


nested = APIRouter(prefix="/nested", dependencies=[Depends(token)])


@nested.get("/{item_id}")
async def read_nested(item_id: int, owner: Annotated[str, Depends(token)]) -> Item:
    return Item(name=owner, price=item_id)


outer = APIRouter(prefix="/outer")
outer.include_router(nested)
app.include_router(outer)
