"""What compiling costs: time and memory for each route of an app of 800 routes.

make bench-fastapi-cost

Each figure is the median of several fresh processes. FastAPI collects its routes at the first request, which takes
longer than compiling them and is done by either, so compiling is measured before such a request and after one. Memory
is resident memory, and what Python itself has allocated, of a second instance in the same process: what one more
shard takes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import runpy
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from statistics import median
from typing import Any

from turbo_shard.compile.fastapi import adopt, report
from turbo_shard_lab.measure import procfs

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "bench/peers/fastapi_large_app.py"
PATH = "/area5/part4/things799/1234"
BODY = b'{"route":799,"item_id":1234}'
ROUNDS = 5
TIMEOUT_S = 120
# What is wanted of each route.
MS_MAX = 1.0
BYTES_MAX = 4096


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/fastapi_cost.py", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"processes each [{ROUNDS}]")
    parser.add_argument("--probe", choices=PROBES, help="one measurement, as JSON")
    chosen = parser.parse_args()
    if chosen.probe:
        print(json.dumps(PROBES[chosen.probe]()))
        return 0
    found = {name: measured(name, chosen.rounds) for name in PROBES}
    return shown(found)


def measured(probe: str, rounds: int) -> dict[str, float]:
    """The medians of what so many processes say."""
    runs = []
    for _ in range(rounds):
        command = [sys.executable, __file__, "--probe", probe]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=TIMEOUT_S)
        runs.append(json.loads(done.stdout))
    return {name: median(run[name] for run in runs) for name in runs[0]}


def shown(found: dict[str, dict[str, float]]) -> int:
    first, after, memory = found["first"], found["after"], found["memory"]
    routes = after["routes"]
    ms = after["compile_ms"] / routes
    print(f"{routes:.0f} routes, {after['compiled']:.0f} of them compiled; for each route:")
    lines = [
        ("compiling, after FastAPI's own first request", f"{ms:.3f} ms", f"< {MS_MAX:g} ms"),
        ("compiling before it", f"{first['compile_ms'] / routes:.3f} ms", ""),
        ("FastAPI's own first request", f"{after['ask_ms'] / routes:.3f} ms", ""),
        ("the same once the app is compiled", f"{first['ask_ms'] / routes:.3f} ms", ""),
        (
            "resident memory of another shard's plans",
            f"{memory['resident'] / routes:,.0f} bytes",
            f"< {BYTES_MAX} bytes",
        ),
        (
            "of it allocated by Python",
            f"{found['traced']['traced'] / routes:,.0f} bytes",
            "",
        ),
        ("resident memory of FastAPI's routes", f"{memory['app'] / routes:,.0f} bytes", ""),
    ]
    for label, value, goal in lines:
        print(f"  {label:46} {value:>14}  {goal}".rstrip())
    is_met = ms < MS_MAX and memory["resident"] / routes < BYTES_MAX
    print("met" if is_met else "not met")
    return 0


# What a process of its own measures.


def compiled_first() -> dict[str, float]:
    app = new_app()
    compile_ms = timed(app, adopt)
    return {"compile_ms": compile_ms, "ask_ms": timed(app, ask)}


def compiled_after() -> dict[str, float]:
    app = new_app()
    ask_ms = timed(app, ask)
    compile_ms = timed(app, adopt)
    found = report(app)
    return {
        "compile_ms": compile_ms,
        "ask_ms": ask_ms,
        "routes": len(found),
        "compiled": sum(not one.reason for one in found),
    }


def resident_memory() -> dict[str, float]:
    """Of the second instance, so that what all share is not counted."""
    kept = [new_app()]
    ask(kept[0])
    adopt(kept[0])
    before = resident()
    kept.append(new_app())
    ask(kept[1])
    with_app = resident()
    adopt(kept[1])
    return {"app": with_app - before, "resident": resident() - with_app}


def traced_memory() -> dict[str, float]:
    kept = [new_app(), new_app()]
    for app in kept:
        ask(app)
    adopt(kept[0])
    gc.collect()
    tracemalloc.start()
    adopt(kept[1])
    gc.collect()
    return {"traced": tracemalloc.get_traced_memory()[0]}


PROBES = {
    "first": compiled_first,
    "after": compiled_after,
    "memory": resident_memory,
    "traced": traced_memory,
}


def new_app() -> Any:
    return runpy.run_path(str(APP))["app"]


def timed(app: Any, step: Any) -> float:
    began = time.perf_counter()
    step(app)
    return (time.perf_counter() - began) * 1000


def resident() -> int:
    gc.collect()
    return procfs.memory([os.getpid()]).rss


def ask(app: Any) -> None:
    """FastAPI's own answer to a request for the last route."""
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET"},
        **{"scheme": "http", "path": PATH, "raw_path": PATH.encode(), "query_string": b""},
        **{"root_path": "", "headers": [], "client": None, "server": ("127.0.0.1", 80)},
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    if sent[-1].get("body") != BODY:
        raise SystemExit(f"fastapi_cost: error: the app answered {sent!r}")


if __name__ == "__main__":
    sys.exit(main())
