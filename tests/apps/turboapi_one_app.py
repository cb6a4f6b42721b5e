"""An app in the shape of TurboAPI 1.x, on the stand-in, for what only a real server shows. `app` serves `turbo_app`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from turboapi_standin import (
    APIRouter,
    BackgroundTasks,
    CORSMiddleware,
    Depends,
    Form,
    GZipMiddleware,
    HTTPBearer,
    HTTPException,
    Response,
    StreamingResponse,
    TurboAPI,
    UploadFile,
)

from turbo_shard.turboapi import adapt

turbo_app = TurboAPI("one")
turbo_app.add_middleware(CORSMiddleware, allow_origins=["http://a"])
turbo_app.add_middleware(GZipMiddleware)
turbo_app.static_route("GET", "/health", '{"ok":true}')


def guard(token: Annotated[str, Depends(HTTPBearer())]) -> str:
    if token != "secret":
        raise HTTPException(403, "wrong token")
    return token


router = APIRouter("/admin", dependencies=[Depends(guard)])


@router.get("/report")
def report() -> Any:
    return {"rows": list(range(500))}


@turbo_app.get("/me")
async def me(token: Annotated[str, Depends(guard)]) -> Any:
    await asyncio.sleep(0)
    return {"token": token, "thread": threading.current_thread().name}


@turbo_app.get("/lines")
def lines() -> Any:
    def produce() -> Iterator[str]:
        for number in range(3):
            yield f"{number}\n"

    return StreamingResponse(produce(), "text/plain")


@turbo_app.get("/events")
async def events() -> Any:
    async def produce() -> AsyncIterator[bytes]:
        for number in range(3):
            await asyncio.sleep(0)
            yield f"data: {number}\n\n".encode()

    return StreamingResponse(produce(), "text/event-stream")  # type: ignore[arg-type]


@turbo_app.get("/cookies")
def cookies() -> Any:
    answer = Response("set", media_type="text/plain")
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer


@turbo_app.post("/upload")
async def upload(file: UploadFile, title: Annotated[str, Form()] = "none") -> Any:
    return {"name": file.filename, "size": len(await file.read()), "title": title}


DONE: list[str] = []


@turbo_app.post("/tasks/{name}")
def queue(name: str, tasks: BackgroundTasks) -> Any:
    tasks.add_task(DONE.append, name)
    return {"queued": name}


@turbo_app.get("/tasks")
def done() -> Any:
    return {"done": DONE}


@turbo_app.exception_handler(ZeroDivisionError)
async def divided(request: Any, error: Exception) -> Any:
    return {"path": request.path, "error": str(error)}, 418


@turbo_app.get("/divide/{number}")
def divide(number: int) -> Any:
    return {"result": 1 // number}


turbo_app.include_router(router)
app = adapt(turbo_app)
