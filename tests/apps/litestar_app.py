"""A Litestar app with all that Litestar apps use: msgspec models, DTOs, injected dependencies, streams, listeners."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import marks
import msgspec
from litestar import Controller, Litestar, Request, Response, delete, get, patch, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, State, UploadFile
from litestar.di import Provide
from litestar.dto import DataclassDTO, DTOConfig, DTOData, MsgspecDTO
from litestar.enums import RequestEncodingType
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.handlers import BaseRouteHandler, WebsocketListener, websocket_listener
from litestar.middleware import DefineMiddleware
from litestar.params import Body, Parameter
from litestar.response import File, ServerSentEvent, Stream
from litestar.types import ASGIApp, Message, Receive, Scope, Send


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    identity = uuid4().hex
    app.state.lock = asyncio.Lock()
    app.state.greeting = "hello from lifespan"
    marks.leave(f"started-{identity}")
    try:
        yield
    finally:
        marks.leave(f"stopped-{identity}")


# msgspec models and plain parameters.


class Item(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    price: float
    tags: list[str] = []
    since: date | None = None


class ItemController(Controller):
    path = "/items"

    @get("/{item_id:int}")
    async def read(
        self,
        item_id: int,
        q: str | None = None,
        limit: Annotated[int, Parameter(ge=1, le=100)] = 10,
        token: Annotated[str | None, Parameter(header="X-Token")] = None,
        visit: Annotated[str | None, Parameter(cookie="visit")] = None,
    ) -> dict[str, Any]:
        return {"item_id": item_id, "q": q, "limit": limit, "token": token, "visit": visit}

    @post("/")
    async def create(self, data: Item) -> Response[Item]:
        return Response(
            data, headers={"X-Tags": str(len(data.tags))}, cookies=[Cookie(key="last", value="1")]
        )

    @post("/many", status_code=200)
    async def many(self, data: list[Item]) -> float:
        return sum(item.price for item in data)

    @delete("/{item_id:int}")
    async def remove(self, item_id: int) -> None:
        return None


# DTOs: the password comes in and never goes out.


@dataclass
class User:
    name: str
    password: str
    groups: list[str] = field(default_factory=list)
    id: int = 0


class WriteUser(DataclassDTO[User]):
    config = DTOConfig(exclude={"id"}, rename_strategy="camel")


class PatchUser(DataclassDTO[User]):
    config = DTOConfig(exclude={"id"}, partial=True)


class ReadUser(DataclassDTO[User]):
    config = DTOConfig(exclude={"password"})


@post("/users", dto=WriteUser, return_dto=ReadUser)
async def create_user(data: DTOData[User]) -> User:
    return data.create_instance(id=7)


@patch("/users/{user_id:int}", dto=PatchUser, return_dto=ReadUser)
async def change_user(user_id: int, data: DTOData[User]) -> User:
    return data.update_instance(User("ada", "old", id=user_id))


# Dependencies.


class DatabaseError(Exception):
    pass


async def connection(mark: str = "connection") -> AsyncGenerator[list[str]]:
    try:
        yield ["open"]
    except DatabaseError:
        marks.leave(f"{mark}-rolled-back")
        raise
    finally:
        marks.leave(f"{mark}-closed")


def page(skip: int = 0) -> dict[str, int]:
    return {"skip": skip}


@get("/rows", dependencies={"connection": Provide(connection)})
async def rows(connection: list[str], page: dict[str, int], fail: bool = False) -> dict[str, Any]:
    if fail:
        raise DatabaseError("the database said no")
    return {"connection": connection, **page}


def bad_database(request: Request[Any, Any, Any], error: DatabaseError) -> Response[dict[str, str]]:
    return Response({"error": str(error)}, status_code=418)


def must_be_member(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    if connection.query_params.get("token") != "secret":
        raise NotAuthorizedException("no token")


@get("/members", guards=[must_be_member])
async def members() -> str:
    return "welcome"


# State, threads, tasks.


@get("/greeting")
async def greeting(state: State) -> str:
    async with state.lock:
        await asyncio.sleep(0.001)
    return str(state.greeting)


@get("/threads/sync", sync_to_thread=True)
def sync_thread() -> int:
    return threading.get_native_id()


@get("/threads/async")
async def async_thread() -> int:
    return threading.get_native_id()


async def send_mail(mark: str) -> None:
    await marks.seen(f"{mark}-go")
    marks.leave(f"{mark}-sent")


@post("/mail/{mark:str}", status_code=202)
async def mail(mark: str) -> Response[str]:
    return Response("queued", background=BackgroundTask(send_mail, mark))


# Streams, files and uploads.


@get("/lines/{mark:str}")
async def lines(mark: str) -> Stream:
    async def produce() -> AsyncIterator[str]:
        yield "first\n"
        await marks.seen(mark)
        yield "second\n"

    return Stream(produce, media_type="text/plain")


@get("/events/{mark:str}")
async def events(mark: str) -> ServerSentEvent:
    async def produce() -> AsyncIterator[str]:
        number = 0
        try:
            while True:
                yield str(number)
                number += 1
                await asyncio.sleep(0.01)
        finally:
            marks.leave(f"{mark}-closed")

    return ServerSentEvent(produce(), event_type="tick")


@get("/file")
async def file() -> File:
    return File(Path(__file__), filename="app.py")


@get("/big")
async def big() -> list[int]:
    return list(range(5000))


@post("/upload", status_code=200)
async def upload(
    data: Annotated[dict[str, UploadFile], Body(media_type=RequestEncodingType.MULTI_PART)],
) -> dict[str, list[Any]]:
    received: dict[str, list[Any]] = {}
    for name, uploaded in data.items():
        content = await uploaded.read()
        received[name] = [uploaded.filename, len(content), hashlib.sha256(content).hexdigest()]
    return received


@post("/digest", status_code=200)
async def digest(request: Request[Any, Any, Any]) -> dict[str, Any]:
    hashed, size = hashlib.sha256(), 0
    async for piece in request.stream():
        hashed.update(piece)
        size += len(piece)
    return {"size": size, "sha256": hashed.hexdigest()}


@get("/teapot")
async def teapot() -> None:
    raise HTTPException(status_code=418, detail="short and stout")


@get("/crash")
async def crash() -> None:
    raise RuntimeError("crashed on purpose")


# WebSockets.


class Basket(msgspec.Struct):
    articles: list[str]


@websocket_listener("/ws/basket", dto=MsgspecDTO[Basket])
async def basket(data: Basket) -> dict[str, int]:
    return {"count": len(data.articles)}


class Echo(WebsocketListener):
    path = "/ws/echo"

    async def on_accept(self, socket: Any) -> None:
        await socket.send_text("welcome")

    async def on_disconnect(self, socket: Any) -> None:
        marks.leave("echo-left")

    async def on_receive(self, data: str) -> str:
        return data


@websocket("/ws/members", guards=[must_be_member])
async def member_socket(socket: Any) -> None:
    await socket.accept(subprotocols="v1")
    await socket.send_json({"welcome": True})
    await socket.close(code=4000, reason="that is all")


# A middleware of plain ASGI.


class Stamp:
    def __init__(self, app: ASGIApp, stamp: str) -> None:
        self.app = app
        self.stamp = stamp.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-stamp", self.stamp)]
            await send(message)

        await self.app(scope, receive, stamped)


app = Litestar(
    [
        *(ItemController, create_user, change_user, rows, members, greeting),
        *(sync_thread, async_thread, mail, lines, events, file, big, upload, digest),
        *(teapot, crash, basket, Echo, member_socket),
    ],
    lifespan=[lifespan],
    dependencies={"page": Provide(page, sync_to_thread=False)},
    exception_handlers={DatabaseError: bad_database},
    middleware=[DefineMiddleware(Stamp, stamp="litestar")],
    compression_config=CompressionConfig(backend="gzip", minimum_size=500),
    cors_config=CORSConfig(allow_origins=["https://shop.example"]),
)
