"""A FastAPI app that answers which threads its plain functions run on, and what they see of each other there."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from anyio import CapacityLimiter, create_task_group, from_thread, move_on_after, to_thread
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
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
    """What a call on a thread sees of the variable, which it then sets, and what remains of that here."""
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
    """Many apps do this in their shutdown."""
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


@app.get("/raises/{kind}")
def raises(kind: str) -> None:
    if kind == "http":
        raise HTTPException(418, "a teapot")
    raise LookupError("not an answer")


@app.get("/from-thread")
def from_thread_to_loop() -> dict[str, Any]:
    """A plain function that calls something on the loop."""

    async def on_loop() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    return {
        "coroutine": from_thread.run(on_loop),
        "function": from_thread.run_sync(threading.current_thread).name,
        "here": threading.current_thread().name,
    }


@app.get("/cancel/{way}")
async def cancel(way: str) -> dict[str, Any]:
    """What becomes of a call whose caller is cancelled meanwhile."""
    release = threading.Event()
    ended = threading.Event()

    def wait_for_release() -> str:
        try:
            while not release.wait(0.005):
                if way == "asks":
                    from_thread.check_cancelled()
            return "released"
        finally:
            ended.set()

    outcome = "cancelled"
    if way == "native":
        call = asyncio.ensure_future(to_thread.run_sync(wait_for_release))
        await asyncio.sleep(0.02)
        call.cancel()
        await asyncio.wait([call])
        outcome = "cancelled" if call.cancelled() else "finished"
    else:
        if way == "shielded":
            asyncio.get_running_loop().call_later(0.1, release.set)
        with move_on_after(0.02):
            outcome = await to_thread.run_sync(
                wait_for_release, abandon_on_cancel=way == "abandons"
            )
    still_runs = not ended.is_set()
    release.set()
    await to_thread.run_sync(ended.wait, 20)
    return {"outcome": outcome, "still_runs": still_runs}


@app.get("/limited")
async def limited() -> dict[str, Any]:
    """Six calls under a limiter of two tokens, and what is left of the default limiter's."""
    limiter = CapacityLimiter(2)
    lock = threading.Lock()
    running = most = 0

    def one() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    async with create_task_group() as group:
        for _ in range(6):
            group.start_soon(partial(to_thread.run_sync, one, limiter=limiter))
    default = to_thread.current_default_thread_limiter()
    return {
        "most": most,
        "borrowed": limiter.borrowed_tokens,
        "default": [default.borrowed_tokens, default.total_tokens],
    }


@app.get("/stop-iteration")
async def stop_iteration() -> str:
    try:
        await to_thread.run_sync(next, iter(()))
    except RuntimeError as error:
        return type(error.__cause__).__name__
    return "nothing"


@app.get("/stuck")
def stuck() -> None:
    time.sleep(3600)


@app.get("/way")
async def way() -> dict[str, Any]:
    """Whether anyio's calls take our way here."""
    return {"ours": getattr(asyncio.get_running_loop(), "anyio_calls", None) is not None}
