"""FastAPI routes of which each has a step more than another: the difference is the step's cost."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Query, Request, Response
from pydantic import BaseModel
from starlette.middleware.base import RequestResponseEndpoint


class User(BaseModel):
    user_id: int
    name: str
    email: str


def user_record(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}


async def key(x_key: Annotated[str, Header()]) -> str:
    return x_key


app = FastAPI()


@app.get("/null")
async def null():  # type: ignore[no-untyped-def]
    return None


@app.get("/record")
async def record() -> dict[str, Any]:
    return user_record(1234)


@app.get("/path/{user_id}")
async def path(user_id: int) -> dict[str, Any]:
    return user_record(user_id)


@app.get("/plain/{user_id}")
def plain(user_id: int) -> dict[str, Any]:
    return user_record(user_id)


@app.get("/query/{user_id}")
async def query(user_id: int, limit: Annotated[int, Query(ge=1, le=100)]) -> dict[str, Any]:
    return user_record(user_id)


@app.get("/header/{user_id}")
async def header(user_id: int, found: Annotated[str, Depends(key)]) -> dict[str, Any]:
    return user_record(user_id)


@app.get("/model/{user_id}")
async def model(user_id: int) -> User:
    return User(user_id=user_id, name=f"User {user_id}", email=f"user{user_id}@example.com")


@app.post("/body/{user_id}")
async def body(user_id: int, user: User) -> dict[str, Any]:
    return user_record(user_id)


with_middleware = FastAPI()
with_middleware.get("/path/{user_id}")(path)


@with_middleware.middleware("http")
async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    return await call_next(request)
