"""A FastAPI app with all that FastAPI apps use for requests and answers; fastapi_streams_app.py has the rest."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import marks
from fastapi import (
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    Form,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
    status,
)
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from pydantic import BaseModel, Field


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    identity = uuid4().hex
    marks.leave(f"started-{identity}")
    # A lock belongs to the first loop that waits on it: shared by two loops it would raise.
    yield {"greeting": "hello from lifespan", "ledger_lock": asyncio.Lock()}
    marks.leave(f"stopped-{identity}")


app = FastAPI(lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=500)
app.add_middleware(
    CORSMiddleware,
    allow_origins=["https://shop.example"],
    allow_methods=["GET", "POST"],
    allow_headers=["X-Token"],
    allow_credentials=True,
)


# BaseHTTPMiddleware, the form that most apps use.
@app.middleware("http")
async def stamp(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    request.state.stamp = request.headers.get("x-stamp", "none")
    response = await call_next(request)
    response.headers["X-Stamp"] = request.state.stamp
    return response


# Parameters and bodies.


@app.get("/items/{item_id}")
async def read_item(
    item_id: int,
    tag: Annotated[list[str], Query(default_factory=list)],
    q: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    x_token: Annotated[str | None, Header()] = None,
    session: Annotated[str | None, Cookie()] = None,
) -> dict[str, Any]:
    given = {"q": q, "limit": limit, "tag": tag, "x_token": x_token, "session": session}
    return {"item_id": item_id, **given}


@app.get("/paths/{path:path}")
async def read_path(path: str, request: Request) -> dict[str, Any]:
    return {"path": path, "raw": request.scope["raw_path"].decode(), "query": request.url.query}


class Line(BaseModel):
    article: str = Field(min_length=1)
    count: int = Field(gt=0)
    price: Decimal


class Order(BaseModel):
    customer: str
    lines: list[Line]
    note: str | None = None


class Receipt(BaseModel):
    order_id: UUID
    customer: str
    total: Decimal


@app.post("/orders", status_code=status.HTTP_201_CREATED, response_model=Receipt)
async def create_order(order: Order, response: Response) -> dict[str, Any]:
    order_id = UUID(int=len(order.lines))
    response.headers["Location"] = f"/orders/{order_id}"
    response.set_cookie("last_order", str(order_id), httponly=True)
    response.set_cookie("customer", order.customer)
    total = sum(line.count * line.price for line in order.lines)
    # The response model leaves out fields that are not for customers.
    return {"order_id": order_id, "customer": order.customer, "total": total, "margin": 0.4}


@app.post("/login")
def login(name: Annotated[str, Form()], password: Annotated[str, Form()]) -> dict[str, str]:
    return {"name": name, "length": str(len(password))}


@app.delete("/items/{item_id}", status_code=204)
async def delete_item(item_id: int) -> None:
    return None


# Dependencies.


class Page:
    def __init__(self, skip: int = 0, limit: int = 20) -> None:
        self.skip, self.limit = skip, limit


def token(authorization: Annotated[str | None, Header()] = None) -> str:
    if authorization != "Bearer secret":
        raise HTTPException(401, "who are you?", headers={"WWW-Authenticate": "Bearer"})
    return "secret"


async def user(token: Annotated[str, Depends(token)]) -> dict[str, str]:
    await asyncio.sleep(0)
    return {"name": "ada", "token": token}


async def database(mark: str = "database") -> AsyncIterator[list[str]]:
    connection = ["open"]
    try:
        yield connection
    except ValueError:
        marks.leave(f"{mark}-rolled-back")
        raise
    finally:
        connection.append("closed")
        marks.leave(f"{mark}-closed")


def sync_database(mark: str = "database") -> Iterator[str]:
    yield "open"
    marks.leave(f"{mark}-sync-closed")


@app.get("/me")
async def me(
    user: Annotated[dict[str, str], Depends(user)],
    page: Annotated[Page, Depends()],
) -> dict[str, Any]:
    return {**user, "skip": page.skip, "limit": page.limit}


@app.get("/rows")
async def rows(
    connection: Annotated[list[str], Depends(database)],
    other: Annotated[str, Depends(sync_database)],
    fail: bool = False,
) -> dict[str, Any]:
    if fail:
        raise ValueError("the database said no")
    return {"connection": connection, "other": other}


@app.exception_handler(ValueError)
async def bad_value(request: Request, error: ValueError) -> JSONResponse:
    return JSONResponse({"error": str(error), "path": request.url.path}, status_code=418)


# State, tasks, threads and contexts.


@app.get("/greeting")
async def greeting(request: Request) -> str:
    async with request.state.ledger_lock:
        # Requests meet here, so they really wait for the lock.
        await asyncio.sleep(0.001)
    return str(request.state.greeting)


async def send_mail(mark: str) -> None:
    await marks.seen(f"{mark}-go")
    marks.leave(f"{mark}-async-sent")


def archive_mail(mark: str) -> None:
    marks.leave(f"{mark}-sync-archived")


@app.post("/mail/{mark}", status_code=202)
async def mail(mark: str, tasks: BackgroundTasks) -> dict[str, str]:
    tasks.add_task(send_mail, mark)
    tasks.add_task(archive_mail, mark)
    return {"mail": "queued"}


@app.get("/threads/sync")
def sync_thread() -> dict[str, int]:
    return {"thread": threading.get_native_id()}


@app.get("/threads/async")
async def async_thread() -> dict[str, int]:
    return {"thread": threading.get_native_id()}


@app.get("/blocked/{mark}")
def blocked(mark: str) -> str:
    """Holds a thread of the pool, and must hold up nothing else."""
    marks.leave(f"{mark}-{uuid4().hex}")
    marks.seen_by_thread(f"go-{mark}")
    return "done"


current_user: contextvars.ContextVar[str] = contextvars.ContextVar("current_user", default="nobody")


@app.get("/context/{name}")
async def context(name: str) -> dict[str, str]:
    before = current_user.get()
    current_user.set(name)
    await asyncio.sleep(0.005)
    inner = await asyncio.create_task(read_current_user())
    in_thread = await asyncio.to_thread(current_user.get)
    return {"before": before, "after": current_user.get(), "task": inner, "thread": in_thread}


async def read_current_user() -> str:
    await asyncio.sleep(0)
    return current_user.get()


# Answers of other kinds.


@app.get("/big")
async def big() -> list[str]:
    return [f"row {number}" for number in range(2000)]


@app.get("/events/{mark}")
async def events(mark: str) -> StreamingResponse:
    """Without end: the client leaves."""

    async def produce() -> AsyncIterator[str]:
        number = 0
        try:
            while True:
                yield f"data: {number}\n\n"
                number += 1
                await asyncio.sleep(0.01)
        finally:
            marks.leave(f"{mark}-closed")

    return StreamingResponse(produce(), media_type="text/event-stream")


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(Path(__file__), media_type="text/x-python", filename="app.py")


@app.api_route("/page", methods=["GET", "HEAD"])
async def page() -> PlainTextResponse:
    return PlainTextResponse("a page", headers={"Cache-Control": "no-store"})


@app.get("/moved")
async def moved(request: Request) -> RedirectResponse:
    return RedirectResponse(request.url_for("read_item", item_id=7), status_code=307)


@app.get("/peer")
async def peer(request: Request) -> dict[str, Any]:
    scope = request.scope
    return {
        "client": scope["client"],
        "server": scope["server"],
        "scheme": scope["scheme"],
        "http_version": scope["http_version"],
        "url": str(request.url),
    }


@app.get("/crash")
async def crash() -> None:
    raise RuntimeError("raised on purpose")


# An app inside of the app, with its own documentation.

shop = FastAPI(title="shop")


@shop.get("/shelves/{shelf}")
async def shelf(shelf: str, request: Request) -> dict[str, str]:
    here = str(request.url_for("shelf", shelf=shelf))
    return {"root_path": request.scope["root_path"], "path": request.scope["path"], "here": here}


app.mount("/shop", shop)
