"""The peer of examples/multi_route_app.py's `/users/{user_id}` on BlackSheep, served by uvicorn as its docs advise."""

from __future__ import annotations

from typing import Any

from blacksheep import Application, get

app = Application()


@get("/users/{user_id}")
async def read_user(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}
