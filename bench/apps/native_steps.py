"""A native app that gives asgi_steps.py's fixed answer from a function and from a coroutine."""

from __future__ import annotations

from turbo_shard import App

BODY = b'{"user_id":1234,"name":"User 1234","email":"user1234@example.com"}'

app = App()


@app.get("/function")
def from_function() -> bytes:
    return BODY


@app.get("/coroutine")
async def from_coroutine() -> bytes:
    return BODY
