"""A Litestar app: a shelf of books. Serve it with

turbo-shard litestar_app:app --app-dir examples
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from litestar import Controller, Litestar, get, post, websocket_listener
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.response import Stream
from msgspec import Meta, Struct


class Book(Struct):
    title: Annotated[str, Meta(min_length=1)]
    pages: Annotated[int, Meta(gt=0)]


SHELF = {1: Book("Dune", 412), 2: Book("Emma", 474)}


# Injected where a handler has a parameter of this name.
def shelf() -> dict[int, Book]:
    return SHELF


class BookController(Controller):
    path = "/books"

    @get("/{book_id:int}")
    async def read(self, book_id: int, shelf: dict[int, Book]) -> Book:
        if book_id not in shelf:
            raise NotFoundException(f"there is no book {book_id}")
        return shelf[book_id]

    # The body is checked against the struct; one that does not fit is answered 400.
    @post("/check")
    async def check(self, data: Book) -> dict[str, bool]:
        return {"is_long": data.pages > 400}

    @get("/titles")
    async def titles(self, shelf: dict[int, Book]) -> Stream:
        async def produce() -> AsyncIterator[str]:
            for book in shelf.values():
                yield f"{book.title}\n"

        return Stream(produce(), media_type="text/plain")


@websocket_listener("/ws/reverse")
async def reverse(data: str) -> str:
    return data[::-1]


app = Litestar(
    [BookController, reverse], dependencies={"shelf": Provide(shelf, sync_to_thread=False)}
)
