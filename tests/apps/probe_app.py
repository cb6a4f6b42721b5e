"""Routes that let a test look inside: gates that it opens, counters that it reads, threads that it recognises.

A gate is a file in $GATE_DIR: it works the same from every thread, event loop and mode.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from turbo_shard import App, Request, StreamingResponse, stats

app = App()

PIECE = b"x" * 65536
# Reached while its lock is held: handlers of all shards count here.
counts_lock = threading.Lock()
counts: dict[str, int] = {}


def count(name: str, by: int = 1) -> int:
    with counts_lock:
        counts[name] = counts.get(name, 0) + by
        return counts[name]


def gate(name: str) -> Path:
    return Path(os.environ["GATE_DIR"]) / name


async def opened(name: str) -> None:
    while not gate(name).exists():
        await asyncio.sleep(0.002)


@app.get("/counts")
def read_counts() -> dict[str, int]:
    with counts_lock:
        return dict(counts)


@app.get("/stats")
def shard_stats() -> list[dict[str, int]]:
    return stats()


@app.get("/who")
def who() -> dict[str, object]:
    """The thread that answers, and the cores it may run on."""
    return {"thread": threading.get_native_id(), "cores": sorted(os.sched_getaffinity(0))}


@app.get("/async/who")
async def async_who() -> dict[str, object]:
    await asyncio.sleep(0)
    return who()


@app.post("/echo")
def echo(body: bytes) -> bytes:
    return body


@app.post("/unread")
def unread() -> str:
    """Answers without asking for the body."""
    return "unread"


@app.get("/header")
def header(request: Request) -> dict[str, object]:
    return {"probe": request.headers.get("x-probe")}


@app.get("/long")
def long(pieces: int = 64) -> bytes:
    return PIECE * pieces


@app.get("/raise")
def raise_() -> None:
    raise ValueError("a secret that only the log may see")


@app.get("/async/raise")
async def async_raise() -> None:
    await asyncio.sleep(0)
    raise ValueError("a secret that only the log may see")


@app.get("/gated/{name}")
async def gated(name: str) -> dict[str, str]:
    """Answers once the test has opened the gate."""
    count(f"gated/{name}")
    await opened(name)
    return {"gate": name}


@app.get("/blocking/{name}", blocking=True)
def blocking(name: str) -> dict[str, object]:
    """Blocks a thread of the pool until the test has opened the gate."""
    count(f"blocking/{name}")
    while not gate(name).exists():
        time.sleep(0.002)
    return {"gate": name, "thread": threading.get_native_id()}


@app.get("/overlap/{wanted}")
async def overlap(wanted: int) -> dict[str, int]:
    """Returns once `wanted` of these run at the same time: every one of them is then in its sleep."""
    name = f"overlap/{wanted}"
    count(name)
    while counts[name] < wanted:
        await asyncio.sleep(0.01)
    return {"seen": counts[name]}


@app.get("/stream/async/{name}")
async def stream_async(name: str) -> StreamingResponse:
    """The first piece leaves at once, the second one after the gate is open."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await opened(name)
        yield b"second"

    return StreamingResponse(pieces())


@app.get("/stream/sync/{name}", blocking=True)
def stream_sync(name: str) -> StreamingResponse:
    """The same with an ordinary generator; on the pool it may wait."""

    def pieces() -> Iterator[bytes]:
        yield b"first"
        while not gate(name).exists():
            time.sleep(0.002)
        yield b"second"

    return StreamingResponse(pieces())


@app.get("/stream/endless/{kind}")
async def stream_endless(kind: str) -> StreamingResponse:
    """Never ends by itself. Counts what it yields, and that it was closed."""

    def endless() -> Iterator[bytes]:
        try:
            while True:
                count(f"endless/{kind}/yielded")
                yield PIECE
        finally:
            count(f"endless/{kind}/closed")

    async def endless_async() -> AsyncIterator[bytes]:
        try:
            while True:
                count(f"endless/{kind}/yielded")
                yield PIECE
                await asyncio.sleep(0)
        finally:
            count(f"endless/{kind}/closed")

    return StreamingResponse(endless() if kind == "sync" else endless_async())


@app.get("/stream/fails")
async def stream_fails() -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        raise ValueError("a secret that only the log may see")

    return StreamingResponse(pieces())
