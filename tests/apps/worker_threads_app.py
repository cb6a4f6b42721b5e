"""A FastAPI app that tells which threads its plain functions run on, and what they see of each other there."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import FileResponse, StreamingResponse

app = FastAPI()

visitor: contextvars.ContextVar[str] = contextvars.ContextVar("visitor", default="nobody")

# Python uses a thread's number again: ours are given once.
numbers = itertools.count()
here = threading.local()
seen: set[int] = set()
gate = threading.Event()


def note() -> int:
    """The number of this thread."""
    if not hasattr(here, "number"):
        here.number = next(numbers)
    seen.add(here.number)
    number: int = here.number
    return number


def noted() -> int:
    return note()


@app.get("/thread")
def thread(dependency: Annotated[int, Depends(noted)]) -> dict[str, int]:
    return {"endpoint": note(), "dependency": dependency}


@app.get("/background")
def background(tasks: BackgroundTasks) -> None:
    note()
    tasks.add_task(note)


@app.get("/stream")
def stream() -> StreamingResponse:
    def numbers_of_threads() -> Iterator[str]:
        for _ in range(5):
            yield f"{note()}\n"

    return StreamingResponse(numbers_of_threads())


@app.get("/file")
def file() -> FileResponse:
    note()
    return FileResponse(Path(__file__))


@app.get("/seen")
async def seen_so_far() -> dict[str, Any]:
    workers = [one for one in threading.enumerate() if one is not threading.main_thread()]
    alive = sum("AnyIO" in one.name or "anyio" in one.name for one in workers)
    return {"seen": len(seen), "alive": alive}


@app.get("/wait")
def wait() -> int:
    number = note()
    gate.wait(20)
    return number


@app.get("/open")
async def open_gate() -> None:
    gate.set()


@app.get("/variable/{way}/{name}")
async def variable(way: str, name: str) -> dict[str, Any]:
    """What a call on a thread sees of the variable, which it then sets, and what is left of that here."""
    visitor.set(name)
    loop = asyncio.get_running_loop()
    if way == "executor":
        found = await loop.run_in_executor(None, swap, f"{name} on a thread")
    else:
        found = await asyncio.to_thread(swap, f"{name} on a thread")
    return {"found": found, "left": visitor.get(), "inherits": inherits()}


@app.get("/swap/{name}")
def swapped(name: str) -> str:
    return swap(name)


def swap(name: str) -> str:
    found = visitor.get()
    visitor.set(name)
    return found


def inherits() -> bool:
    return bool(getattr(sys.flags, "thread_inherit_context", False))


@app.get("/tasks")
async def tasks() -> list[str]:
    return sorted(task.get_name() for task in asyncio.all_tasks())


@app.get("/cancel-all-tasks")
async def cancel_all_tasks() -> int:
    """As many apps do in their shutdown."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return len(others)


@app.get("/debug/{enabled}")
async def debug(enabled: bool) -> bool:
    loop = asyncio.get_running_loop()
    loop.set_debug(enabled)
    return loop.get_debug()
