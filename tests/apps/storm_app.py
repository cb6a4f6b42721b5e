"""Every kind of handler, with answers that name their request: for the storm of connections."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Iterator

from turbo_shard import App, StreamingResponse, stats

app = App()

# Reached while its lock is held: handlers of all shards count here.
counts_lock = threading.Lock()
streams_begun = 0
streams_closed = 0


def piece(number: int) -> bytes:
    return b"%08d" % number * 512


def begin() -> None:
    global streams_begun
    with counts_lock:
        streams_begun += 1


def close() -> None:
    global streams_closed
    with counts_lock:
        streams_closed += 1


@app.get("/sync/{tag}")
def sync(tag: str) -> str:
    return tag


@app.get("/async/{tag}")
async def async_(tag: str, ms: int = 0) -> str:
    await asyncio.sleep(ms / 1000)
    return tag


@app.get("/blocking/{tag}", blocking=True)
def blocking(tag: str, ms: int = 0) -> str:
    time.sleep(ms / 1000)
    return tag


@app.post("/echo")
def echo(body: bytes) -> bytes:
    return body


@app.post("/async/echo")
async def async_echo(body: bytes) -> bytes:
    await asyncio.sleep(0)
    return body


@app.post("/unread")
def unread() -> str:
    """Answers without asking for the body."""
    return "unread"


@app.get("/long/{pieces}")
def long(pieces: int) -> bytes:
    return b"".join(piece(number) for number in range(pieces))


def stream_of(numbers: Iterator[int]) -> Iterator[bytes]:
    begin()
    try:
        for number in numbers:
            yield piece(number)
    finally:
        close()


async def async_stream_of(numbers: Iterator[int]) -> AsyncIterator[bytes]:
    begin()
    try:
        for number in numbers:
            yield piece(number)
            await asyncio.sleep(0)
    finally:
        close()


def endless() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


@app.get("/stream/sync/{pieces}")
def stream_sync(pieces: int) -> StreamingResponse:
    """`pieces` of 4 KiB; 0 stands for no end."""
    return StreamingResponse(stream_of(iter(range(pieces)) if pieces else endless()))


@app.get("/stream/async/{pieces}")
async def stream_async(pieces: int) -> StreamingResponse:
    return StreamingResponse(async_stream_of(iter(range(pieces)) if pieces else endless()))


@app.get("/stream/blocking/{pieces}", blocking=True)
def stream_blocking(pieces: int) -> StreamingResponse:
    return stream_sync(pieces)


@app.get("/life")
def life() -> dict[str, object]:
    """What is open now, and the thread that says so."""
    with counts_lock:
        streams = streams_begun - streams_closed
    rows = stats()
    return {
        "connections": sum(row["connections_open"] for row in rows),
        "accepted": sum(row["connections_accepted"] for row in rows),
        "panics": sum(row["handler_panics"] for row in rows),
        "restarts": sum(row["restarts"] for row in rows),
        "streams": streams,
        "thread": threading.current_thread().name,
    }


@app.get("/collect")
def collect() -> float:
    """Stops the world; returns how many seconds that took."""
    began = time.perf_counter()
    gc.collect()
    return time.perf_counter() - began
