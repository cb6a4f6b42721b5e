"""The peer of examples/multi_route_app.py's `/users/{user_id}` on FastAPI, in two ways of writing it.

`app` has the example's own source: a plain function, which FastAPI runs in a thread pool. `coroutine_app` is what one
writes to make FastAPI fast: a coroutine runs on the event loop, and a return annotation lets pydantic make the JSON.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

app = FastAPI()
coroutine_app = FastAPI()


@app.get("/users/{user_id}")
def read_user(user_id: int) -> dict[str, Any]:
    return user_record(user_id)


@coroutine_app.get("/users/{user_id}")
async def read_user_in_coroutine(user_id: int) -> dict[str, Any]:
    return user_record(user_id)


def user_record(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}
