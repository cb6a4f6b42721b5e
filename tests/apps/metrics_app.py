"""Routes that are told apart in metrics: quick ones, failing ones, and some that hold what serves them."""

from __future__ import annotations

import gc
import time

from turbo_shard import App, WebSocket

app = App()


@app.get("/users/{id}")
def user(id: int) -> dict[str, int]:
    return {"id": id}


@app.get("/later/{name}")
async def later(name: str) -> str:
    return name


@app.get("/boom")
def boom() -> None:
    raise RuntimeError("on purpose")


@app.post("/echo")
def echo(body: bytes) -> bytes:
    return body


@app.get("/hold/{ms}")
def hold(ms: int) -> str:
    """Holds its shard."""
    time.sleep(ms / 1000)
    return "held"


@app.get("/block/{ms}", blocking=True)
def block(ms: int) -> str:
    time.sleep(ms / 1000)
    return "blocked"


@app.get("/collect")
def collect() -> int:
    return gc.collect()


@app.websocket("/chat/{room}")
async def chat(websocket: WebSocket, room: str) -> None:
    await websocket.accept()
    async for message in websocket:
        await websocket.send(message)
