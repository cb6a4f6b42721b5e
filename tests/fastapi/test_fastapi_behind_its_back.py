"""Parts of a live app that are changed behind its back, and functions of FastAPI that a library has replaced."""

import copy
import json
from typing import Any

import fastapi.background
import fastapi.routing
import pytest
import starlette.datastructures
import starlette.requests
import starlette.responses
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.routing import APIRoute

from comparing import IS_AGAINST_ITSELF, compare
from journal import note
from turbo_shard.compile.fastapi import report, why_not


def protected() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def read() -> Any:
        return "read"

    return app


def deny() -> None:
    raise HTTPException(401)


def swap(app: FastAPI) -> None:
    """An equal route in place of the last one: its path, endpoint and methods are the same."""
    route: Any = app.router.routes[-1]
    app.router.routes[-1] = APIRoute(
        route.path, route.endpoint, methods=["GET"], dependencies=[Depends(deny)]
    )


def test_an_equal_route_that_is_put_in_place() -> None:
    compare(protected, "GET /", swap, "GET /")


def match_nothing(app: FastAPI) -> None:
    route: Any = app.router.routes[-1]
    route.matches = lambda scope: (fastapi.routing.Match.NONE, {})


def test_matches_of_one_route() -> None:
    compare(protected, "GET /", match_nothing, "GET /")


def redirect(app: FastAPI) -> None:
    app.router.redirect_slashes = True


def without_redirects() -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    app.get("/a")(lambda: 1)
    return app


def test_redirects_that_are_switched_on() -> None:
    compare(without_redirects, "GET /a/", redirect, "GET /a/")


def late_route_behind_middleware() -> tuple[FastAPI, Any]:
    app = protected()

    @app.middleware("http")
    async def pass_on(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    def add(app: FastAPI) -> None:
        app.get("/late")(lambda: "late")

    return app, add


def test_late_routes_behind_middleware_are_compiled_too() -> None:
    app, add = late_route_behind_middleware()
    compare(lambda: late_route_behind_middleware()[0], "GET /late", add, "GET /late", "GET /")
    add(app)
    assert why_not(app) == ""
    add(app)
    assert [route.reason for route in report(app)][-1] == ""


def test_copies_of_an_app_have_plans_of_their_own() -> None:
    app = protected()
    assert why_not(app) == ""
    twin = copy.copy(app)
    twin.router = APIRouter()
    twin.middleware_stack = None
    twin.get("/of-the-copy")(lambda: 1)
    assert [route.path for route in report(twin)] == ["/of-the-copy"]


# Functions of FastAPI that a library has replaced where FastAPI looks them up.


@pytest.mark.parametrize(
    "name", ["solve_dependencies", "run_in_threadpool", "jsonable_encoder", "Request"]
)
def test_functions_that_are_replaced_where_they_are_used(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    original = getattr(fastapi.routing, name)
    monkeypatch.setattr(fastapi.routing, name, lambda *args, **named: original(*args, **named))
    assert why_not(protected()) == f"fastapi.routing.{name} has been replaced by {__name__}"


# Methods whose work plans do, on classes that a library may patch for all requests.
METHODS = [
    (starlette.responses.Response, "render"),
    (starlette.requests.Request, "body"),
    (starlette.requests.Request, "json"),
    (starlette.datastructures.Headers, "__getitem__"),
    (starlette.datastructures.Headers, "getlist"),
    (starlette.datastructures.QueryParams, "__init__"),
    (fastapi.background.BackgroundTasks, "__call__"),
]


@pytest.mark.parametrize(("owner", "name"), METHODS, ids=lambda one: getattr(one, "__name__", one))
def test_methods_that_are_replaced_on_a_class(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = getattr(owner, name)

    def watched(self: Any, *args: Any, **named: Any) -> Any:
        return own(self, *args, **named)

    monkeypatch.setattr(owner, name, watched)
    reason = why_not(protected())
    assert f"{owner.__name__}.{name} has been replaced" in reason


def test_apps_that_are_not_compiled_at_all_are_served_by_fastapi(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if IS_AGAINST_ITSELF:
        pytest.skip("there are no plans")
    original = fastapi.routing.solve_dependencies

    async def refuses(**named: Any) -> Any:
        raise HTTPException(401)

    monkeypatch.setattr(fastapi.routing, "solve_dependencies", refuses)
    records = compare(protected, "GET /")
    assert original is not refuses
    assert "401" in str(records)


# Routers of classes of their own.


class Named(APIRouter):
    """Differs in how it is made alone."""

    def __init__(self, name: str) -> None:
        super().__init__(prefix=f"/{name}")


class Counting(APIRouter):
    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await super().handle(scope, receive, send)


def test_classes_of_routers_are_compiled_where_they_route_as_fastapi() -> None:
    app, router = FastAPI(), Named("named")
    router.get("/a")(lambda: 1)
    app.include_router(router)
    assert why_not(app) == ""
    other, counting = FastAPI(), Counting(prefix="/counted")
    counting.get("/a")(lambda: 1)
    other.include_router(counting)
    assert why_not(other) == "the router /counted has a handle of its class Counting"


# Libraries that build the middleware stack in FastAPI's place.


def watched_from_outside() -> FastAPI:
    app = protected()
    build = app.build_middleware_stack

    class Outside:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)
            note(f"seen {scope['route'].path}" if "route" in scope else "seen")

    app.build_middleware_stack = lambda: Outside(build())  # type: ignore[method-assign,assignment,return-value]
    return app


def test_plans_stand_inside_a_stack_that_a_library_has_built() -> None:
    compare(watched_from_outside, "GET /", "GET /nowhere")
    app = watched_from_outside()
    assert why_not(app) == ""
    assert [route.reason for route in report(app)][-1] == ""


# JSON of the app's own.


def writing_numbers() -> FastAPI:
    app = FastAPI()
    app.get("/")(lambda: {"a": 1})
    return app


def test_json_is_written_by_what_the_app_has_put_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    original = json.dumps

    def shout(app: FastAPI) -> None:
        monkeypatch.setattr(json, "dumps", lambda *args, **named: original("shouted"))

    def whisper(app: FastAPI) -> None:
        monkeypatch.setattr(json, "dumps", original)

    records = compare(writing_numbers, "GET /", shout, "GET /", whisper, "GET /")
    assert ["shouted" in str(record) for record in records] == [False, True, False]
