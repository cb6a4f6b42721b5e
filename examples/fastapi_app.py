"""A FastAPI app: a small to-do list with live updates. Serve it with

    turbo-shard fastapi_app:app --app-dir examples

Each shard has an instance of its own, so shared state belongs in a database; here that is an SQLite file.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, WebSocket
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

DATABASE = os.environ.get("TODO_DATABASE", "todo.sqlite3")


class Task(BaseModel):
    title: str = Field(min_length=1)
    done: bool = False


class StoredTask(Task):
    id: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    with closing(sqlite3.connect(DATABASE)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS tasks (id INTEGER PRIMARY KEY, title, done)")
    yield


app = FastAPI(title="To do", lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=1000)


# A dependency that is closed when the answer has been sent.
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(DATABASE, check_same_thread=False)) as connection:
        yield connection


Database = Annotated[sqlite3.Connection, Depends(database)]


# Plain functions run on a thread, where they may wait for the database.
@app.post("/tasks", status_code=201)
def add(task: Task, database: Database) -> StoredTask:
    values = (task.title, task.done)
    with database:
        row = database.execute("INSERT INTO tasks (title, done) VALUES (?, ?)", values)
    return StoredTask(id=row.lastrowid or 0, title=task.title, done=task.done)


@app.get("/tasks/{task_id}")
def read(task_id: int, database: Database) -> StoredTask:
    row = database.execute("SELECT title, done FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if row is None:
        raise HTTPException(404, "there is no such task")
    return StoredTask(id=task_id, title=row[0], done=row[1])


# Coroutines run on the shard's own event loop. When the client goes away, the generator is closed.
@app.get("/countdown")
async def countdown(start: int = 3) -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        for number in range(start, -1, -1):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(events(), media_type="text/event-stream")


@app.websocket("/ws/shout")
async def shout(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text.upper())
