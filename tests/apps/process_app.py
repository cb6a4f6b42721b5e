"""Routes that describe the answering worker process, and that end it in several ways; for --mode process."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

from turbo_shard import App, stats

app = App()

match os.environ.get("PROCESS_APP"):
    case "fails":
        raise ValueError("no app today")
    case "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    case "imports for ever":
        print("importing", file=sys.stderr, flush=True)
        time.sleep(3600)
    case "fails the second time":
        started = Path(os.environ["STARTED_FILE"])
        if started.exists():
            raise ValueError("no second start")
        started.touch()

signal.signal(
    signal.SIGUSR2, lambda number, frame: print("heard SIGUSR2", file=sys.stderr, flush=True)
)


@app.get("/worker")
def worker() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "cores": sorted(os.sched_getaffinity(0)),
        "is_main": threading.current_thread() is threading.main_thread(),
        "stats": stats(),
        "argv": sys.argv[1:],
        "path": sys.path,
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
    }


@app.get("/exit/{status}")
def leave(status: int) -> None:
    os._exit(status)


@app.get("/hold")
def hold() -> None:
    """Keeps its worker for good."""
    print("holding", file=sys.stderr, flush=True)
    while True:
        time.sleep(3600)


@app.get("/keep-gil")
def keep_gil() -> None:
    """Keeps its worker and, on a Python that has one, the GIL."""
    print("keeping the GIL", file=sys.stderr, flush=True)
    ctypes.PyDLL(None).sleep(3600)


@app.get("/slow")
async def slow() -> dict[str, int]:
    """Is in flight until a file lets it go."""
    print("slow: called", file=sys.stderr, flush=True)
    while not Path(os.environ["GATE_DIR"], "slow").exists():
        await asyncio.sleep(0.002)
    return {"pid": os.getpid()}


@app.on_shutdown
def goodbye() -> None:
    print(f"shutdown of {os.getpid()}", file=sys.stderr, flush=True)
