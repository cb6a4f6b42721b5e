"""An ASGI app that leaves things running, as the path or LEAVING_ACT says; a file in GATE_DIR lets its threads end."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

GATES = Path(os.environ["GATE_DIR"])
ACT = os.environ.get("LEAVING_ACT", "")


def note(text: str) -> None:
    # In one piece: the supervisor writes there too.
    sys.stderr.write(f"{text}\n")


def work_until_gate() -> None:
    note("app: works")
    while not (GATES / "work").exists():
        sleep(0.005)
    note("app: has worked")


def at_exit() -> None:
    note("app: exits")
    if ACT == "exit-hangs":
        threading.Event().wait()


atexit.register(at_exit)
if ACT == "import-fails":
    threading.Thread(target=work_until_gate).start()
    raise ValueError("on purpose")
if ACT == "import-hangs":
    note("app: imports")
    # Not one long wait: a signal just before its begin would not wake Python from it.
    while True:
        sleep(0.005)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    match scope["path"]:
        case "/pool":
            ThreadPoolExecutor(1, "own-pool").submit(work_until_gate)
        case "/thread":
            threading.Thread(target=work_until_gate, name="own-thread").start()
        case "/hold":
            work_until_gate()
        case "/wait":
            note("app: waits")
            while not (GATES / "work").exists():
                await asyncio.sleep(0.005)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def lifespan(receive, send):
    await receive()
    if ACT == "start-fails":
        threading.Thread(target=work_until_gate).start()
        await send({"type": "lifespan.startup.failed", "message": "on purpose"})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note("app: stops")
    if ACT == "stop-hangs":
        await asyncio.Event().wait()
    await send({"type": "lifespan.shutdown.complete"})
