"""An app in the shape of TurboAPI 1.x without middleware: its handlers are called with arguments that the native side
has made. `app` serves `turbo_app`."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Annotated, Any

from turboapi_standin import (
    BackgroundTasks,
    BaseModel,
    Cookie,
    Depends,
    Form,
    Header,
    HTTPException,
    Path,
    Query,
    TurboAPI,
    TurboRequest,
    UploadFile,
    WebSocket,
)

from turbo_shard.turboapi import adapt

turbo_app = TurboAPI("direct")


class Item(BaseModel):
    name: str


@turbo_app.get("/marked/{item_id}")
def marked(
    item_id: int = Path(ge=1),
    q: str = Query("none", alias="query"),
    x_token: str = Header(),
    session: Annotated[str, Cookie()] = "no",
    *,
    n: list[int] = Query([]),  # noqa: B008
) -> Any:
    return [item_id, q, x_token, session, n]


@turbo_app.get("/named")
def named(authorization: str = "missing") -> Any:
    return authorization


@turbo_app.post("/items")
def create(item: Item) -> Any:
    return item, 201


@turbo_app.post("/fields/{number}")
async def fields(number: int, name: str, age: int) -> Any:
    await asyncio.sleep(0)
    return {"number": number, "name": name, "age": age}


@turbo_app.post("/upload")
async def upload(file: UploadFile, title: Annotated[str, Form()] = "none") -> Any:
    return f"{file.filename} {len(await file.read())} {title}"


@turbo_app.post("/shown")
def shown(request: TurboRequest, body: bytes) -> Any:
    return [request.method, request.path, request.body == body, len(body)]


async def user(x_user: str = Header("")) -> str:
    await asyncio.sleep(0)
    if not x_user:
        raise HTTPException(401, "who?")
    return x_user


@turbo_app.get("/own/{number}")
def own(number: int, name: str = Depends(user), limit: int = 5) -> Any:  # type: ignore[assignment]
    return [number, name, limit]


DONE: list[str] = []


@turbo_app.post("/tasks/{name}")
def queue(name: str, tasks: BackgroundTasks) -> Any:
    tasks.add_task(DONE.append, name)
    return {"queued": name}


@turbo_app.post("/refused/{name}")
def refuse(name: str, tasks: BackgroundTasks) -> Any:
    tasks.add_task(DONE.append, name)
    raise HTTPException(409, "not now")


@turbo_app.get("/tasks")
def done() -> Any:
    return {"done": DONE}


@turbo_app.get("/later")
def later() -> Any:
    async def found() -> Any:
        await asyncio.sleep(0)
        return "late"

    return found()


@turbo_app.websocket("/rooms/{room}")
async def chat(room: int, socket: WebSocket, name: str = Depends(user), n: int = 1) -> None:  # type: ignore[assignment]
    talks: Any = socket
    await talks.accept()
    await talks.send_json([room, name, n])
    await talks.send_text(await talks.receive_text())


NUMBER: ContextVar[str] = ContextVar("number", default="nobody")


class Mark:
    """Made of a parameter's text, so this is code of the app that runs before the handler."""

    def __init__(self, text: str) -> None:
        self.seen = NUMBER.get()
        NUMBER.set(f"reader of {text}")


def marked_by(mark: Mark) -> list[str]:
    found = [mark.seen, NUMBER.get()]
    NUMBER.set("handler")
    return found


@turbo_app.get("/sync-marks/{mark}")
def mark_sync(mark: Mark) -> Any:
    return marked_by(mark)


@turbo_app.get("/async-marks/{mark}")
async def mark_async(mark: Mark, waits: bool = False) -> Any:
    if waits:
        await asyncio.sleep(0)
    return marked_by(mark)


@turbo_app.websocket("/marks/{mark}")
async def mark_socket(mark: Mark, socket: WebSocket) -> None:
    talks: Any = socket
    await talks.accept()
    await talks.send_json(marked_by(mark))


class Dumped(BaseModel):
    def model_dump(self) -> dict[str, Any]:
        return {"number": NUMBER.get()}


@turbo_app.get("/dumped")
async def dumped(number: str, waits: bool = False) -> Any:
    NUMBER.set(number)
    if waits:
        await asyncio.sleep(0)
    return Dumped()


app = adapt(turbo_app)
