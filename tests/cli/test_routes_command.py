"""`turbo-shard routes APP`, and the line at a start: which routes of a FastAPI app are compiled, and why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from places import APPS
from refused_apps import write
from server_process import ServerProcess, run_command

SHOP = """\
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

print("of the app")
app = FastAPI(openapi_url=None)
router = APIRouter(prefix="/items")


@router.get("/{item_id}")
async def read(item_id: int) -> dict[str, int]:
    return {"item_id": item_id}


def sell():
    return "sold"


class OwnRoute(APIRoute):
    pass


router.add_api_route("", sell, methods=["POST"], route_class_override=OwnRoute)
app.include_router(router)


def create():
    return app


class Own(FastAPI):
    async def __call__(self, scope, receive, send):
        await super().__call__(scope, receive, send)


strange = Own(openapi_url=None)
strange.get("/")(sell)
with_pages = FastAPI()
with_pages.get("/")(sell)


@with_pages.websocket("/socket")
async def talk(websocket):
    await websocket.accept()


wrapped = (lambda app: lambda scope, receive, send: app(scope, receive, send))(app)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write(tmp_path, "shop.py", SHOP)
    return tmp_path


def listed(folder: Path, app: str, *options: str) -> str:
    run = run_command("routes", app, "--app-dir", str(folder), *options)
    assert (run.returncode, run.stderr) == (0, "of the app\n")
    return run.stdout


def refusal(folder: Path, app: str) -> str:
    run = run_command("routes", app, "--app-dir", str(folder))
    assert (run.returncode, run.stdout) == (2, "")
    return run.stderr.splitlines()[-1]


def test_each_route_is_listed_with_how_it_is_served(shop: Path) -> None:
    first, second, empty, last = listed(shop, "shop:app").splitlines()
    assert first.split() == ["GET", "/items/{item_id}", "shop.read", "compiled"]
    assert second.startswith("POST  /items")
    assert "shop.sell" in second
    assert second.index("asgi: ") == first.index("compiled")
    assert (empty, last) == ("", "1 of 2 routes compiled")


def test_json_says_the_same(shop: Path) -> None:
    found = json.loads(listed(shop, "shop:create", "--factory", "--json"))
    assert (found["why_not"], found["compiled"]) == ("", 1)
    first, second = found["routes"]
    assert first == {
        "methods": ["GET"],
        "path": "/items/{item_id}",
        "endpoint": "shop.read",
        "is_compiled": True,
        "kind": "route",
        "reason": "",
    }
    assert second["reason"] and not second["is_compiled"]


def test_an_app_that_is_not_compiled_says_why(shop: Path) -> None:
    last = listed(shop, "shop:strange").splitlines()[-1]
    assert last.startswith("not compiled: ") and "__call__" in last
    assert listed(shop, "shop:app", "--fastapi", "asgi").splitlines()[-1] == (
        "0 of 2 routes compiled: --fastapi asgi"
    )


def test_pages_and_websockets_are_listed_and_not_counted_as_compiled(shop: Path) -> None:
    *lines, _, last = listed(shop, "shop:with_pages").splitlines()
    assert [line.split()[1] for line in lines] == [
        *("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/", "/socket"),
    ]
    assert lines[0].endswith("asgi: a page of FastAPI's own")
    assert lines[-1].split(maxsplit=3) == ["-", "/socket", "shop.talk", "asgi: a WebSocket"]
    assert last == "1 of 1 routes compiled, besides 4 pages of FastAPI's own"
    assert told(shop, "shop:with_pages", "--shards", "1")[0].startswith(
        "turbo-shard: note: fastapi: 1 of 1 routes compiled"
    )


def test_apps_of_others_are_refused_in_one_line(shop: Path) -> None:
    assert refusal(shop, "shop:wrapped") == (
        "turbo-shard: error: shop:wrapped is a function (ASGI), not a FastAPI app: only that has routes to list"
    )
    assert "(native), not a FastAPI app" in refusal(APPS, "routes_app:app")
    assert "turbo-shard routes app:app" in run_command("routes").stderr
    assert refusal(shop, "shop:ap").startswith("turbo-shard: error: ")


def told(folder: Path, app: str, *options: str) -> list[str]:
    """What the start says of FastAPI, before the ready line."""
    with ServerProcess(app, *options, app_dir=folder) as server:
        lines = list(server.lines)
        ready = next(number for number, line in enumerate(lines) if " ready on " in line)
        return [line for line in lines[:ready] if "fastapi:" in line]


@pytest.mark.parametrize("mode", ["shard", "process"])
def test_the_start_tells_once_how_many_are_compiled(shop: Path, mode: str) -> None:
    assert told(shop, "shop:app", "--shards", "2", "--mode", mode) == [
        "turbo-shard: note: fastapi: 1 of 2 routes compiled (turbo-shard routes shop:app)"
    ]


def test_the_start_tells_why_nothing_is_compiled(shop: Path) -> None:
    (line,) = told(shop, "shop:strange", "--shards", "1")
    assert line.startswith("turbo-shard: note: fastapi: served as ASGI: ")


def test_the_start_tells_that_endpoints_run_twice(shop: Path) -> None:
    (line,) = told(shop, "shop:create", "--factory", "--shards", "1", "--fastapi", "verify")
    assert line == (
        "turbo-shard: note: fastapi: 1 of 2 routes are compared with FastAPI, whose answers count; "
        "their endpoints run twice (turbo-shard routes shop:create --factory)"
    )


def test_the_start_has_nothing_to_tell_where_nothing_was_to_be_compiled(shop: Path) -> None:
    assert told(shop, "shop:app", "--shards", "1", "--fastapi", "asgi") == []
    assert told(shop, "shop:wrapped", "--shards", "1") == []
