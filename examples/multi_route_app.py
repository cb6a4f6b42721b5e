"""An example with every kind of route. Serve it with

    turbo-shard multi_route_app:app --app-dir examples

It keeps no state: each answer follows from its request alone, so any shard can give it, and tests can check it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from turbo_shard import App, HTTPException, Router, StreamingResponse, stats

app = App()

CATALOGUE = ("keyboard", "monitor", "trackball", "webcam", "headset")
STREAM_LINES = 5


@dataclass
class User:
    """A JSON body is checked against this before the handler runs: one that does not fit is answered 422."""

    name: str
    email: str
    age: int | None = None


# Plain functions answer at once, on the thread that read the request. A dict becomes JSON.


@app.get("/")
def index() -> dict[str, Any]:
    return {"service": "multi-route example", "server": "turbo-shard", "catalogue": list(CATALOGUE)}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


# Path parameters are found by name and converted by annotation: /users/x is answered 422.


@app.get("/users/{user_id}")
def read_user(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}


# Parameters that are not in the path come from the query.


@app.get("/search")
def search(q: str = "", limit: int = 3) -> dict[str, Any]:
    found = [name for name in CATALOGUE if q.casefold() in name]
    return {"q": q, "limit": limit, "total": len(found), "results": found[: max(limit, 0)]}


# Coroutines run on the shard's own event loop; the shard serves others while they wait.


@app.get("/async/data")
async def async_data() -> dict[str, Any]:
    await asyncio.sleep(0.001)
    return {
        "source": "async",
        "items": [{"id": number, "square": number**2} for number in range(1, 4)],
    }


@app.get("/async/users/{user_id}")
async def async_read_user(user_id: int) -> dict[str, Any]:
    await asyncio.sleep(0.002)
    return user_record(user_id)


# Each line leaves as soon as the generator has yielded it. When the client goes away, the generator is closed.


@app.get("/async/stream")
async def async_stream() -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for number in range(STREAM_LINES):
            yield f'{{"line": {number}}}\n'
            await asyncio.sleep(0.001)

    return StreamingResponse(lines(), media_type="application/x-ndjson")


# A dataclass takes the JSON body. `(body, status)` sets the status of an answer.


@app.post("/users")
def create_user(user: User) -> tuple[dict[str, Any], int]:
    return {"created": True, "user": user}, 201


@app.post("/async/users")
async def async_create_user(user: User) -> tuple[dict[str, Any], int]:
    await asyncio.sleep(0.003)
    return {"created": True, "user": user}, 201


@app.put("/users/{user_id}")
def replace_user(user_id: int, user: User) -> dict[str, Any]:
    return {"replaced": user_id, "user": user}


# A dict takes any JSON object.


@app.patch("/users/{user_id}")
def change_user(user_id: int, changes: dict[str, Any]) -> dict[str, Any]:
    return {"changed": sorted(changes), "user": user_record(user_id) | changes}


@app.delete("/users/{user_id}")
def delete_user(user_id: int) -> tuple[None, int]:
    return None, 204


# Routes can be gathered in routers and be given a prefix.

products = Router()


@products.get("/products/{category}/{product_id}")
def read_product(category: str, product_id: int) -> dict[str, Any]:
    return {
        "category": category,
        "product_id": product_id,
        "name": f"{category}-{product_id}",
        "price": {"amount": 1999, "currency": "EUR"},
    }


app.include_router(products, prefix="/api/v1")


# One row per shard shows any imbalance.


@app.get("/stats")
def shard_stats() -> dict[str, Any]:
    return {"shards": stats()}


# An HTTPException is an answer; any other exception is a 500 whose traceback goes to the log and not to the client.


@app.get("/error/404")
def error_404() -> None:
    raise HTTPException(404, detail="there is nothing here, on purpose")


@app.get("/error/500")
def error_500() -> None:
    raise RuntimeError("raised on purpose")


def user_record(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}
