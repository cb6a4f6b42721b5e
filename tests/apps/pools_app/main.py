"""The app: /START does it all with processes started that way, and answers with the results and where it runs."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from .work import Point, late_import, put_moved, square


def cube(number: int) -> int:
    return number**3


async def by_pool(context: Any) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        moved = await loop.run_in_executor(pool, Point.moved, Point(3, 4))
        return {
            "function of the app": await loop.run_in_executor(pool, cube, 3),
            "function of another module": await loop.run_in_executor(pool, square, 7),
            "import in the child": await loop.run_in_executor(pool, late_import),
            "method": [moved.x, moved.y, isinstance(moved, Point)],
        }


async def by_queue(context: Any) -> dict[str, object]:
    """The queue pickles on a thread of its own, here as well as in the child."""
    numbers, results = context.Queue(), context.Queue()
    process = context.Process(target=put_moved, args=(numbers, results))
    await asyncio.to_thread(process.start)
    numbers.put(Point(20, 1))
    moved = await asyncio.to_thread(results.get, True, 30)
    await asyncio.to_thread(process.join, 30)
    return {"queue": [moved.x, moved.y, type(moved) is Point, process.exitcode]}


async def by_thread() -> dict[str, object]:
    """None of the app's functions runs there."""
    data = await asyncio.to_thread(pickle.dumps, Point(1, 2))
    return {"thread": type(await asyncio.to_thread(pickle.loads, data)) is Point}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    context = multiprocessing.get_context(scope["path"].removeprefix("/"))
    try:
        result = await by_pool(context) | await by_queue(context) | await by_thread()
    except Exception as error:
        result = {"raised": repr(error)}
    body = json.dumps([threading.current_thread().name, os.getpid(), result]).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
