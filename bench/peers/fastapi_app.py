"""The peer of examples/multi_route_app.py's `/users/{user_id}` on FastAPI.

A coroutine, because FastAPI hands plain functions to a thread pool, which is slower. No return annotation, because FastAPI
would validate the answer against it.
"""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI()


@app.get("/users/{user_id}")
async def read_user(user_id: int):  # type: ignore[no-untyped-def]
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}
