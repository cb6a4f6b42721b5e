"""The comparison itself: FastAPI is equal to itself, and whatever a compiled app does otherwise is seen."""

import logging
from collections.abc import AsyncIterator

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request

from broken_compiles import BROKEN
from comparing import Compile, Different, Pair, compare
from exchange import AsgiApp
from journal import MARK, mark, note
from scope_dump import note_scope

REQUESTS = ("GET /item/1", "GET /plain", "GET /scope", "GET /failing")


def small_app() -> FastAPI:
    """Has one of each thing that a comparison looks at."""

    async def guard() -> AsyncIterator[None]:
        note("guard opens")
        yield
        note("guard closes")

    app = FastAPI(dependencies=[Depends(guard)])

    @app.get("/item/{number}")
    async def item(number: int, tasks: BackgroundTasks) -> dict[str, int]:
        mark("item")
        tasks.add_task(note, "background")
        return {"number": number}

    @app.get("/plain")
    def plain() -> dict[str, str]:
        note("plain")
        return {"mark": MARK.get()}

    @app.get("/scope")
    async def scope(request: Request) -> None:
        note_scope(request.scope)

    @app.get("/failing")
    async def failing() -> None:
        logging.getLogger("shop").info("about to fail")
        raise ValueError("so it is")

    return app


def plain_fastapi(app: FastAPI) -> AsgiApp:
    return app


def test_fastapi_is_equal_to_itself() -> None:
    records = compare(small_app, *REQUESTS, compile=plain_fastapi)
    assert [record.status for record in records] == [200, 200, 200, 500]
    assert records[0].journal == (
        "guard opens [task 0, -]",
        "marked [task 0, item]",
        "sent http.response.start",
        "sent http.response.body",
        "background [worker, item]",
        "guard closes [task 0, item]",
        "app left, item",
    )
    assert records[3].raised == ("ValueError: so it is in",)
    assert "log 'shop' 'INFO' 'about to fail' '' [task 0, -]" in records[3].journal


@pytest.mark.parametrize("compile", BROKEN.values(), ids=BROKEN)
def test_a_broken_compile_is_seen(compile: Compile) -> None:
    with pytest.raises(Different):
        compare(small_app, *REQUESTS, compile=compile)


@pytest.mark.parametrize("compile", BROKEN.values(), ids=BROKEN)
def test_a_broken_compile_is_seen_by_a_pair(compile: Compile) -> None:
    with Pair(small_app, compile=compile) as pair, pytest.raises(Different):
        for request in REQUESTS:
            pair.ask(request)
