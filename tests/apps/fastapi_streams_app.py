"""A FastAPI app with long requests: streams, server-sent events, uploads, WebSockets.

It has no BaseHTTPMiddleware: behind one, an app neither hears of clients that leave nor can cut an answer off;
fastapi_app.py has one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import marks
from fastapi import (
    Depends,
    FastAPI,
    File,
    Form,
    Query,
    Request,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
)
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import StreamingResponse

app = FastAPI()
app.add_middleware(GZipMiddleware)


@app.get("/lines/async/{mark}")
async def async_lines(mark: str) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        yield "first\n"
        await marks.seen(mark)
        yield "second\n"

    return StreamingResponse(lines(), media_type="text/plain")


@app.get("/lines/sync/{mark}")
def sync_lines(mark: str) -> StreamingResponse:
    def lines() -> Iterator[bytes]:
        yield b"first\n"
        marks.seen_by_thread(mark)
        yield b"second\n"

    return StreamingResponse(lines(), media_type="text/plain")


@app.get("/large")
async def large(pieces: int) -> StreamingResponse:
    async def numbers() -> AsyncIterator[bytes]:
        for number in range(pieces):
            yield number.to_bytes(4) * 4096

    return StreamingResponse(numbers(), media_type="application/octet-stream")


@app.get("/broken")
async def broken() -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        yield "first\n"
        raise RuntimeError("broken on purpose")

    return StreamingResponse(lines(), media_type="text/event-stream")


@app.get("/events/{mark}")
async def events(mark: str) -> StreamingResponse:
    """Without end: the client leaves."""

    async def produce() -> AsyncIterator[str]:
        number = 0
        try:
            while True:
                yield f"event: tick\ndata: {number}\n\n"
                number += 1
                await asyncio.sleep(0.01)
        finally:
            marks.leave(f"{mark}-closed")

    return StreamingResponse(produce(), media_type="text/event-stream")


@app.get("/watch/{mark}")
async def watch(mark: str, request: Request) -> dict[str, bool]:
    """Asks whether the client still waits."""
    marks.leave(f"{mark}-watching")
    while not await request.is_disconnected():
        await asyncio.sleep(0.01)
    marks.leave(f"{mark}-left")
    return {"left": True}


@app.post("/upload")
async def upload(
    title: Annotated[str, Form()], files: Annotated[list[UploadFile], File()]
) -> dict[str, Any]:
    received = []
    for file in files:
        digest, size = hashlib.sha256(), 0
        while piece := await file.read(65536):
            digest.update(piece)
            size += len(piece)
        received.append([file.filename, file.content_type, size, digest.hexdigest()])
    return {"title": title, "files": received}


# WebSockets.


@app.websocket("/ws/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                marks.leave(f"echo-left-{message['code']}-{message.get('reason') or 'silent'}")
                return
            if (text := message.get("text")) is not None:
                await socket.send_text(text)
            else:
                await socket.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        marks.leave("echo-disconnect-raised")


@app.websocket("/ws/sum/{start}")
async def add(socket: WebSocket, start: int, factor: Annotated[int, Query()] = 1) -> None:
    """JSON both ways; parameters as with requests."""
    await socket.accept(headers=[(b"x-start", str(start).encode())])
    total = start
    async for numbers in socket.iter_json():
        total += factor * sum(numbers)
        await socket.send_json({"total": total})
    marks.leave(f"sum-{start}-ended")


@app.websocket("/ws/close/{code}")
async def close(socket: WebSocket, code: int) -> None:
    await socket.accept()
    await socket.receive_text()
    await socket.close(code, reason="as asked")


@app.websocket("/ws/chat")
async def chat(socket: WebSocket) -> None:
    offered = socket.scope["subprotocols"]
    chosen = "chat.v2" if "chat.v2" in offered else None
    await socket.accept(subprotocol=chosen)
    await socket.send_json({"offered": offered})
    await socket.close()


async def member(socket: WebSocket, token: str | None = None) -> str:
    if token != "secret":
        raise WebSocketException(code=1008, reason="no token")
    return token


@app.websocket("/ws/members")
async def members(socket: WebSocket, token: Annotated[str, Depends(member)]) -> None:
    await socket.accept()
    await socket.send_text("welcome")
    await socket.close()


@app.websocket("/ws/refused")
async def refused(socket: WebSocket) -> None:
    await socket.close()


@app.websocket("/ws/crash")
async def crash(socket: WebSocket) -> None:
    await socket.accept()
    await socket.receive_text()
    raise RuntimeError("crashed on purpose")


@app.websocket("/ws/ticks/{mark}")
async def ticks(socket: WebSocket, mark: str) -> None:
    """Sends unasked, and hears of the client's leaving only through a second task."""
    await socket.accept()

    async def send() -> None:
        number = 0
        while True:
            await socket.send_text(str(number))
            number += 1
            await asyncio.sleep(0.005)

    sender = asyncio.create_task(send())
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        sender.cancel()
        marks.leave(f"{mark}-stopped")
