"""Apps that change while they serve: routes that come late or go, replaced parts; other classes of apps and routers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute
from starlette.routing import Match, Mount, Route

from comparing import Step, compare
from journal import note
from scope_dump import note_scope

type Act = Callable[[FastAPI], object]


def plain(name: str) -> Callable[..., Any]:
    async def endpoint(n: int = 0) -> Any:
        note(name)
        return [name, n]

    return endpoint


def small() -> FastAPI:
    """A route of its own, and two by way of routers, which the acts reach as app.state."""
    inner, outer = APIRouter(), APIRouter(prefix="/outer")
    inner.get("/inner")(plain("inner"))
    outer.get("/own")(plain("outer"))
    outer.include_router(inner)
    app = FastAPI()
    app.get("/own")(plain("own"))
    app.include_router(outer)
    app.state.inner, app.state.outer = inner, outer
    return app


TARGETS = (
    "GET /own",
    "GET /outer/inner?n=1",
    "GET /outer/own",
    "GET /late?n=2",
    "GET /late/",
    "POST /own",
    "GET /x",
)


def get_late(app: FastAPI) -> None:
    app.get("/late")(plain("late"))


def get_late_in_a_router(app: FastAPI) -> None:
    app.state.inner.get("/late")(plain("late"))
    app.state.outer.get("/late")(plain("late"))


def include_late(app: FastAPI) -> None:
    router = APIRouter(prefix="/late", dependencies=[Depends(plain("dependency"))])
    router.get("")(plain("late"))
    app.include_router(router)


def include_late_in_a_router(app: FastAPI) -> None:
    router = APIRouter()
    router.get("/late")(plain("late"))
    app.state.inner.include_router(router)


def include_another_app(app: FastAPI) -> None:
    other = FastAPI()
    other.get("/late")(plain("other"))
    app.include_router(other.router)


def append(app: FastAPI) -> None:
    app.routes.append(APIRoute("/late", plain("late")))


def insert_before(app: FastAPI) -> None:
    app.router.routes.insert(0, APIRoute("/own", plain("inserted")))


def append_to_a_router(app: FastAPI) -> None:
    app.state.inner.routes.append(APIRoute("/late", plain("late")))


def append_starlette(app: FastAPI) -> None:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("starlette")

    app.router.routes.insert(0, Route("/own", endpoint))


def mount_over_all(app: FastAPI) -> None:
    other = FastAPI()
    other.get("/{path:path}")(plain("mounted"))
    app.router.routes.insert(0, Mount("", app=other))


def remove(app: FastAPI) -> None:
    app.router.routes[:] = [route for route in app.routes if getattr(route, "path", "") != "/own"]


def remove_all(app: FastAPI) -> None:
    app.router.routes.clear()


def remove_from_a_router(app: FastAPI) -> None:
    app.state.inner.routes.clear()


def reverse(app: FastAPI) -> None:
    get_late(app)
    app.router.routes.reverse()


def new_list(app: FastAPI) -> None:
    app.router.routes = [APIRoute("/late", plain("late"))]


def no_redirects(app: FastAPI) -> None:
    get_late(app)
    app.router.redirect_slashes = False


def other_default(app: FastAPI) -> None:
    async def default(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("default")(scope, receive, send)

    app.router.default = default


def other_root(app: FastAPI) -> None:
    app.root_path = "/outer"


def other_router(app: FastAPI) -> None:
    router = APIRouter()
    router.get("/own")(plain("other router"))
    app.router = router


def other_stack(app: FastAPI) -> None:
    app.middleware_stack = None
    app.middleware("http")(_shout)


async def _shout(request: Request, call_next: Any) -> Response:
    note("middleware")
    response: Response = await call_next(request)
    return response


def other_handler(app: FastAPI) -> None:
    async def missing(request: Request, error: Exception) -> Response:
        return PlainTextResponse("missing", 404)

    app.add_exception_handler(404, missing)


def other_handler_of_the_stack(app: FastAPI) -> None:
    """What a library may do that comes late: the handlers that the stack has already."""
    layer: Any = app.middleware_stack
    while layer is not None and not hasattr(layer, "_status_handlers"):
        layer = getattr(layer, "app", None)

    async def missing(request: Request, error: Exception) -> Response:
        return PlainTextResponse("missing in the stack", 404)

    if layer is not None:
        layer.add_exception_handler(404, missing)


def own_handle(app: FastAPI) -> None:
    route: Any = next(route for route in app.routes if getattr(route, "path", "") == "/own")

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("own handle")(scope, receive, send)

    route.handle = handle


def own_app(app: FastAPI) -> None:
    route: Any = next(route for route in app.routes if getattr(route, "path", "") == "/own")
    inner = route.app

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        note("wrapped", scope["path"])
        await inner(scope, receive, send)

    route.app = wrapped


def own_call(app: FastAPI) -> None:
    router: Any = app.router
    inner = router.app

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        note("router wrapped")
        await inner(scope, receive, send)

    router.middleware_stack = wrapped


def own_stack(app: FastAPI) -> None:
    """As OpenTelemetry does it: around what the app itself builds."""
    build: Any = app.build_middleware_stack

    def wrapped() -> Any:
        inner = build()

        async def outer(scope: Any, receive: Any, send: Any) -> None:
            note("around the stack")
            await inner(scope, receive, send)

        return outer

    app.build_middleware_stack = wrapped  # type: ignore[method-assign]
    app.middleware_stack = None


ACTS: list[Act] = [
    *(get_late, get_late_in_a_router, include_late, include_late_in_a_router, include_another_app, append),
    insert_before,
    *(append_starlette, mount_over_all, remove, remove_all, reverse, new_list, no_redirects, other_default),
    other_root,
    *(other_router, other_stack, other_handler, other_handler_of_the_stack, own_handle, own_app, own_call),
    *(append_to_a_router, remove_from_a_router, own_stack),
]  # fmt: skip


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_a_change_between_requests(act: Act) -> None:
    compare(small, *TARGETS, act, *TARGETS, get_late, *TARGETS)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_a_change_before_the_first_request(act: Act) -> None:
    compare(small, act, *TARGETS)


def test_a_change_by_a_request() -> None:
    def make_app() -> FastAPI:
        app = small()

        @app.post("/change/{name}")
        async def change(name: str) -> str:
            next(act for act in ACTS if act.__name__ == name)(app)
            return name

        return app

    steps: list[Step] = [f"POST /change/{name}" for name in ("get_late", "include_late", "remove")]
    compare(make_app, *TARGETS, *(step for one in steps for step in (one, *TARGETS)))


def test_a_lifespan_with_a_state_that_adds_routes() -> None:
    def make_app() -> FastAPI:
        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
            app.get("/late")(plain("late"))
            app.dependency_overrides[dependency] = lambda: "overridden"
            yield {"pool": ["shared"]}

        async def dependency() -> str:
            return "original"

        app = FastAPI(lifespan=lifespan)

        @app.get("/state")
        async def state(request: Request, d: Annotated[str, Depends(dependency)]) -> Any:
            request.state.pool.append("used")
            note_scope(request.scope)
            return [request.state.pool, d]

        return app

    records = compare(make_app, "GET /state", "GET /state", "GET /late", "GET /late/")
    assert records[1].body == b'[["shared","used","used"],"overridden"]'
    assert records[2].status == 200


class Shouting(APIRouter):
    """A router class whose call is its own."""

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        note("own router", scope.get("path"))
        await super().app(scope, receive, send)


class Strict(APIRouter):
    """One that takes no route whose path says "own"."""

    def matches(self, scope: Any) -> Any:
        return (Match.NONE, {}) if "own" in scope["path"] else super().matches(scope)


class Named(APIRouter):
    """One that only makes its routes in its own way."""

    def add_api_route(self, path: str, endpoint: Any, **settings: Any) -> None:
        super().add_api_route(f"{path}/named", endpoint, **settings)


class OwnApp(FastAPI):
    """An app with a call of its own."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        note("own app", scope["type"])
        await super().__call__(scope, receive, send)


class Plain(FastAPI):
    """An app of a class of its own, which changes nothing."""


@pytest.mark.parametrize("kind", [Shouting, Strict, Named])
@pytest.mark.parametrize("place", ["app", "outer", "inner"])
def test_routers_of_other_classes(kind: type[APIRouter], place: str) -> None:
    def make_app() -> FastAPI:
        inner = (kind if place == "inner" else APIRouter)()
        outer = (kind if place == "outer" else APIRouter)(prefix="/outer")
        inner.get("/inner")(plain("inner"))
        outer.get("/own")(plain("outer"))
        outer.include_router(inner)
        app = FastAPI()
        if place == "app":
            app.router = kind()
        app.get("/own")(plain("own"))
        app.include_router(outer)
        return app

    compare(make_app, *TARGETS, "GET /own/named", "GET /outer/own/named", "GET /outer/inner/named")


@pytest.mark.parametrize("kind", [OwnApp, Plain])
def test_apps_of_other_classes(kind: type[FastAPI]) -> None:
    def make_app() -> FastAPI:
        app = kind()
        app.get("/own")(plain("own"))
        return app

    compare(make_app, *TARGETS)
