"""A TurboAPI 0.3 app as its users write one: `turbo_app` is TurboAPI's, `app` what serves it. Needs turboapi 0.3.16."""

import asyncio
import contextlib
import io
import sys
from typing import Any

from satya import Field, Model

with contextlib.redirect_stdout(io.StringIO()):  # it talks a lot
    from turboapi import APIRouter, TurboAPI
    from turboapi.middleware import CORSMiddleware, Middleware
    from turboapi.models import TurboRequest, TurboResponse

from turbo_shard.turboapi import adapt


# No `from __future__ import annotations` here: satya checks no field whose annotation is text.
class Item(Model):
    name: str = Field(min_length=2)
    price: float
    tags: list[str] = Field(default=[])


class Named(Middleware):
    """Puts a field into each answer."""

    def after_request(self, request: Any, response: Any) -> Any:
        response.set_header("X-App", "turbo")
        return response


def make_app(title: str) -> TurboAPI:
    with contextlib.redirect_stdout(io.StringIO()):
        made = TurboAPI(title=title)
        made.include_router(users, prefix="/api")
        made.get("/")(root)
        made.get("/search")(search)
        made.get("/later")(later)
        made.get("/text")(text)
        made.get("/nothing")(nothing)
        made.get("/missing")(missing)
        made.get("/broken")(broken)
        made.get("/odd")(odd)
        made.get("/shown")(shown)
        made.post("/items")(create)
        made.post("/fields")(fields)
        made.put("/echo/{name}")(echo)
        return made


with contextlib.redirect_stdout(io.StringIO()):
    users = APIRouter(prefix="/users")

    @users.get("/{user_id}")
    def user(user_id: int) -> Any:
        return {"user_id": user_id, "name": f"User {user_id}"}

    @users.delete("/{user_id}")
    def remove(user_id: int) -> Any:
        return {"removed": user_id}, 202


def root() -> Any:
    return {"message": "Hello", "version": 3}


def search(q: str, limit: int = 10, exact: bool = False) -> Any:
    return {"q": q, "limit": limit, "exact": exact}


async def later(n: int = 1) -> Any:
    await asyncio.sleep(0)
    return {"n": n}


def text() -> Any:
    return "plain"


def nothing() -> Any:
    return None


def missing() -> Any:
    return {"error": "no such thing", "status_code": 404}


def broken() -> Any:
    raise LookupError("secret")


def odd() -> Any:
    raise ValueError("odd")


def shown(request: TurboRequest) -> Any:
    token = request.get_header("x-token")
    return TurboResponse.text(f"{request.method} {request.path} {token}", status_code=203)


def create(item: Item) -> Any:
    return item, 201


def fields(name: str, age: int = 1) -> Any:
    return {"name": name, "age": age}


def echo(name: str, data: dict) -> Any:  # type: ignore[type-arg]
    return {"name": name, "data": data}


STARTED: list[str] = []


async def start() -> None:
    STARTED.append("started")


def stop() -> None:
    sys.stderr.write(f"the app was {' and '.join(STARTED)}, and stops\n")


turbo_app = make_app("plain")
with contextlib.redirect_stdout(io.StringIO()):
    turbo_app.on_event("startup")(start)
    turbo_app.on_event("shutdown")(stop)
app = adapt(turbo_app)

guarded_turbo_app = make_app("with middleware")
with contextlib.redirect_stdout(io.StringIO()):
    guarded_turbo_app.add_middleware(CORSMiddleware, allow_origins=["http://a"])
    guarded_turbo_app.add_middleware(Named)
guarded_app = adapt(guarded_turbo_app)
