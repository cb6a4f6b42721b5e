"""Which function serves a route of a TurboAPI app, what surrounds the routes, and what is refused at start."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from apps import turboapi_standin as ta
from turbo_shard import App, RegistrationError
from turbo_shard import Response as NativeResponse
from turbo_shard.turboapi import adapt, is_turboapi
from turboapi_calls import ask, one_route, plan_of, served


def test_a_turboapi_app_is_told_from_others() -> None:
    assert is_turboapi(ta.TurboAPI()) and is_turboapi(ta.FirstTurboAPI())
    assert not is_turboapi(App()) and not is_turboapi(ta.APIRouter())
    with pytest.raises(RegistrationError, match="App is not a TurboAPI app"):
        adapt(App())


def test_a_version_of_another_form_is_refused_by_what_it_lacks() -> None:
    app = ta.TurboAPI()
    del app.middleware_stack
    assert is_turboapi(app)
    with pytest.raises(RegistrationError, match="has no middleware_stack: it is of a version"):
        adapt(app)


@pytest.mark.parametrize("kind", [ta.FirstTurboAPI, ta.TurboAPI])
def test_handler_of_plain_arguments_and_a_dict_is_served_as_it_is(kind: Any) -> None:
    def user(user_id: int, limit: int = 10) -> Any:
        return {"user_id": user_id, "name": f"User {user_id}", "limit": limit}

    async def root() -> Any:
        return {"message": "Hello", "tags": ["a", "b"]}

    app = kind()
    app.get("/users/{user_id}")(user)
    app.get("/")(root)
    for path, handler in (("/users/{user_id}", user), ("/", root)):
        plan = plan_of(app, path=path)
        assert (plan.handler, plan.to_answer) == (handler, None)


def test_what_a_handler_returns_that_may_be_something_else_is_made_an_answer() -> None:
    known = {"a": 1}

    def named(name: int) -> Any:
        return known

    def maybe(name: int) -> Any:
        if name:
            return None
        return {"name": name}

    def calls(name: int) -> Any:
        return {"name": str(name)}

    def says_status() -> Any:
        return {"status_code": 404}

    for handler in (named, maybe, calls, says_status):
        plan = plan_of(served(handler))
        assert plan.handler is handler
        assert plan.to_answer is not None


def test_handler_with_a_header_by_name_is_bound_here_in_1_x_only() -> None:
    def read(authorization: str = "missing") -> Any:
        return {"authorization": authorization}

    first = plan_of(served(read, app=ta.FirstTurboAPI()))
    assert [one.source for one in first.arguments] == ["query"]
    assert [one.source for one in plan_of(served(read)).arguments] == ["computed"]
    got = ask(served(read), headers={"Authorization": "me"})
    assert got.json == {"authorization": "me"}
    assert ask(served(read), query=[("authorization", "q")]).json == {"authorization": "q"}
    assert ask(served(read)).json == {"authorization": "missing"}


def test_life_cycle_handlers_and_lifespan_are_handed_over() -> None:
    log: list[str] = []

    async def lifespan(app: Any) -> AsyncIterator[None]:
        log.append("begin")
        yield
        log.append("end")

    app = ta.TurboAPI(lifespan=lifespan)
    app.on_event("startup")(lambda: log.append("startup"))
    app.on_event("shutdown")(lambda: log.append("shutdown"))
    native = adapt(app)

    async def live() -> None:
        for handler in (*native.startup_handlers, *native.shutdown_handlers):
            found = handler()
            if inspect.isawaitable(found):
                await found

    asyncio.run(live())
    assert log == ["begin", "startup", "end", "shutdown"]


def test_static_routes_and_documentation_are_served() -> None:
    app = ta.TurboAPI()
    app.static_route("GET", "/health", '{"ok":1}', 203, "application/health+json")
    assert one_route(app, path="/health")() == (
        '{"ok":1}',
        203,
        {"content-type": "application/health+json"},
    )
    schema = one_route(app, path="/openapi.json")()
    assert isinstance(schema, NativeResponse)
    assert json.loads(schema.body)["openapi"] == "3.1.0"
    app.openapi_url = None
    assert all(route.path != "/openapi.json" for route in adapt(app).routes)


def uses_native_route(app: Any) -> None:
    app._native_routes = [("GET", "/fast", "lib.so", "handle")]


def uses_database(app: Any) -> None:
    app._db_routes = [("GET", "/rows", "select_list", "rows", "", "", "")]


def uses_database_pool(app: Any) -> None:
    app._db_config = ("postgres://", 1)


def mounts_an_app(app: Any) -> None:
    app._mounts["/sub"] = {"app": object(), "name": None}


def handles_a_status(app: Any) -> None:
    app.exception_handler(404)(lambda request, error: {})


def adds_an_asgi_middleware(app: Any) -> None:
    class Foreign:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    app.add_middleware(Foreign)


def adds_a_middleware_wrongly(app: Any) -> None:
    app.add_middleware(ta.CORSMiddleware, origins=["*"])


def forgets_depends(app: Any) -> None:
    served(lambda token=ta.HTTPBearer(): {"a": 1}, app=app)  # noqa: B008


def uses_a_scheme_without_code(app: Any) -> None:
    served(lambda token=ta.Depends(ta.HTTPDigest()): {"a": 1}, app=app)  # noqa: B008


def depends_on_itself(app: Any) -> None:
    def circle() -> None: ...

    marker = ta.Depends(circle)
    parameter = inspect.Parameter("again", inspect.Parameter.KEYWORD_ONLY, default=marker)
    circle.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    served(lambda again=marker: {"a": 1}, app=app)


def serves_a_route_twice(app: Any) -> None:
    served(lambda: {"a": 1}, app=app)
    served(lambda: {"a": 2}, app=app)


def takes_a_path_parameter_that_is_not_there(app: Any) -> None:
    served(lambda n=ta.Path(): {"a": 1}, app=app)  # noqa: B008


def writes_a_path_as_flask_does(app: Any) -> None:
    app.get("/users/<id>")(lambda: {"a": 1})


def writes_a_websockets_path_as_flask_does(app: Any) -> None:
    async def chat(socket: Any) -> None: ...

    app.websocket("/rooms/<int:room>")(chat)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (writes_a_path_as_flask_does, "route GET /users/<id>: .* no parameter in it: write {id}"),
        (writes_a_websockets_path_as_flask_does, "websocket route /rooms/<int:room>: .* {room}"),
        (uses_native_route, "route GET /fast is answered by a compiled library"),
        (uses_database, "route GET /rows is answered from a database"),
        (uses_database_pool, "configure_db sets up TurboAPI's own database pool"),
        (mounts_an_app, "mount /sub: a mounted object cannot be served"),
        (handles_a_status, "is registered for 404, which is no exception class"),
        (adds_an_asgi_middleware, "middleware Foreign has none of before_request"),
        (adds_a_middleware_wrongly, "middleware CORSMiddleware cannot be made: .*origins"),
        (forgets_depends, "route GET /: parameter 'token' has a security scheme"),
        (uses_a_scheme_without_code, "route GET /: the security scheme HTTPDigest does not check"),
        (depends_on_itself, "route GET /: .*circle depends on itself"),
        (serves_a_route_twice, "route GET /: handler .* is served already"),
        (takes_a_path_parameter_that_is_not_there, "parameter 'n' comes from the path, which has"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(use: Any, message: str) -> None:
    app = ta.TurboAPI()
    use(app)
    with pytest.raises(RegistrationError, match=message) as refusal:
        adapt(app)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("app.include_router(router, dependencies=[Depends(guard)])", "include_router"),
        ("app.include_router(router, '', None, [Depends(guard)])", "include_router"),
        ("app.get('/x', dependencies=[Depends(guard)])(handler)", "a route's decorator"),
        ("TurboAPI(dependencies=[Depends(guard)])", "the app"),
    ],
)
def test_dependencies_that_turboapi_drops_are_refused(
    line: str, what: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "\n".join(
        (
            "from apps.turboapi_standin import APIRouter, Depends, TurboAPI",
            "def guard(): ...",
            "def handler(): return {}",
            "app = TurboAPI()",
            "router = APIRouter()",
            "app.include_router(router, dependencies=[])",
        )
    )
    (tmp_path / "guarded_app.py").write_text(f"{source}\n")
    (tmp_path / "unguarded_app.py").write_text(f"{source}\n{line}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("guarded_app", "unguarded_app"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import importlib

    adapt(importlib.import_module("guarded_app").app)
    app = importlib.import_module("unguarded_app").app
    with pytest.raises(RegistrationError, match=f"unguarded_app, line 7: .* of {what}"):
        adapt(app)
