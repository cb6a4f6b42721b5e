"""Makes a native App from a TurboAPI app, or says in one line which part cannot be served. Knows no requests."""

from __future__ import annotations

import inspect
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from ...native.app import App
from ...native.errors import RegistrationError
from ...native.response import HTMLResponse, JSONResponse, Response
from ...native.route import PathTemplate, label_of
from .binding import Site
from .dropped_arguments import refuse_dropped_dependencies
from .handlers import Surroundings, fixed_route, native_route
from .middleware import MiddlewareStack
from .names import is_turboapi
from .parameters import Dialect
from .websockets import register_websockets

# Features that 1.x has outside of Python, in its own server.
_ELSEWHERE = {
    "_native_routes": "is answered by a compiled library (native_route)",
    "_db_routes": "is answered from a database by TurboAPI's own server (db_get, db_query and their kin)",
}


def adapt(app: Any) -> App:
    """A native App that answers as the TurboAPI app does; RegistrationError for a part that cannot be honoured."""
    if not is_turboapi(app):
        raise RegistrationError(f"{type(app).__name__} is not a TurboAPI app")
    _check_known_form(app)
    dialect = Dialect(is_first=not hasattr(app, "_websocket_routes"))
    _refuse_foreign_parts(app)
    refuse_dropped_dependencies(app)
    surroundings = Surroundings(
        dialect,
        MiddlewareStack(app.middleware_stack, dialect),
        _exception_handlers(app),
        tuple(getattr(app, "dependencies", None) or ()),
    )
    native = App()
    _add_life_cycle(native, app)
    for method, path, status, content_type, body in getattr(app, "_static_routes", ()):
        _add_static_route(native, surroundings, method, path, (status, content_type, body))
    for route in app.registry.get_routes():
        _add_route(native, surroundings, route)
    _add_documentation(native, app)
    _add_preflights(native, surroundings)
    register_websockets(native, app, dialect)
    return native


def _check_known_form(app: Any) -> None:
    """All versions that are served keep routes and middleware in these places."""
    for attribute in ("registry", "middleware_stack"):
        if not hasattr(app, attribute):
            raise RegistrationError(
                f"the TurboAPI app has no {attribute}: it is of a version that turbo-shard does not know"
            )


def _refuse_foreign_parts(app: Any) -> None:
    for attribute, reason in _ELSEWHERE.items():
        for method, path, *_ in getattr(app, attribute, ()):
            raise RegistrationError(f"route {method} {path} {reason}, which turbo-shard cannot do")
    if getattr(app, "_db_config", None) is not None:
        raise RegistrationError(
            "configure_db sets up TurboAPI's own database pool, which turbo-shard does not have"
        )
    for path, mounted in getattr(app, "_mounts", {}).items():
        # StaticFiles has registered routes of its own.
        if not hasattr(mounted["app"], "get_file"):
            kind = type(mounted["app"]).__name__
            raise RegistrationError(
                f"mount {path}: a mounted {kind} cannot be served, nor does TurboAPI serve it"
            )


def _exception_handlers(app: Any) -> dict[type, Any]:
    handlers: dict[type, Any] = dict(getattr(app, "_exception_handlers", {}))
    for kind, handler in handlers.items():
        if not isinstance(kind, type) or not issubclass(kind, BaseException):
            raise RegistrationError(
                f"exception handler {label_of(handler)} is registered for {kind!r}, which is no exception class"
            )
    return handlers


def _add_route(native: App, surroundings: Surroundings, route: Any) -> None:
    method, path = str(route.method.value).upper(), route.path
    where = f"route {method} {path}"
    has_body = method in ("POST", "PUT", "PATCH", "DELETE")
    names = PathTemplate.of(path, where).names
    site = Site(where, path, names, has_body, surroundings.dialect)
    made = native_route(
        route.handler,
        method,
        site,
        dependencies=tuple(getattr(route, "dependencies", None) or ()),
        surroundings=surroundings,
    )
    try:
        native.add(made)
    except RegistrationError as error:
        raise RegistrationError(f"{where}: {error}") from None


def _add_static_route(
    native: App, surroundings: Surroundings, method: str, path: str, parts: tuple[int, str, Any]
) -> None:
    status, content_type, body = parts
    answer = (body, status, {"content-type": content_type})

    def static_route() -> Any:
        return answer

    if not surroundings.middleware.cors:
        native.route(path, methods=(method,))(static_route)
        return
    # TurboAPI's server writes its CORS fields into these, too; other middleware does not see them.
    serve = surroundings.middleware.only_cors(
        Response(body, status, {"content-type": content_type})
    )
    native.add(fixed_route(path, method, serve, surroundings, static_route))


def _add_life_cycle(native: App, app: Any) -> None:
    lifespan = getattr(app, "_lifespan", None)
    if lifespan is not None:
        stack = AsyncExitStack()
        name = getattr(lifespan, "__qualname__", type(lifespan).__qualname__)

        async def begin() -> None:
            found = lifespan(app)
            if inspect.isasyncgen(found):
                found = asynccontextmanager(lambda: found)()
            await stack.enter_async_context(found)

        begin.__qualname__ = name
        native.on_startup(begin)
    for handler in getattr(app, "startup_handlers", ()):
        native.on_startup(handler)
    if lifespan is not None:

        async def end() -> None:
            await stack.aclose()

        end.__qualname__ = name
        native.on_shutdown(end)
    for handler in getattr(app, "shutdown_handlers", ()):
        native.on_shutdown(handler)


def _add_documentation(native: App, app: Any) -> None:
    """The pages that 1.x makes from the app: its schema, and two that show it."""
    if not callable(getattr(app, "openapi", None)):
        return
    taken = {route.path for route in native.routes if "GET" in route.methods}
    schema_url = app.openapi_url
    if not schema_url or schema_url in taken:
        return

    def openapi_schema() -> Any:
        return JSONResponse(app.openapi())

    native.get(schema_url)(openapi_schema)
    package = type(app).openapi.__module__.partition(".")[0]
    for url, name in ((app.docs_url, "get_swagger_ui_html"), (app.redoc_url, "get_redoc_html")):
        page_of = _function_of(f"{package}.openapi", name)
        if url and url not in taken and page_of is not None:
            native.get(url)(_page(page_of, app.title, schema_url))


def _page(page_of: Any, title: str, schema_url: str) -> Any:
    def documentation_page() -> Any:
        return HTMLResponse(page_of(title, schema_url))

    return documentation_page


def _function_of(module_name: str, name: str) -> Any:
    from importlib import import_module

    try:
        return getattr(import_module(module_name), name, None)
    except ImportError:
        return None


def _add_preflights(native: App, surroundings: Surroundings) -> None:
    if not surroundings.middleware.cors:
        return
    serve = surroundings.middleware.only_cors(Response(None, 204))
    for path in dict.fromkeys(route.path for route in native.routes):
        try:
            native.add(fixed_route(path, "OPTIONS", serve, surroundings, _add_preflights))
        except RegistrationError:
            continue  # the app answers OPTIONS there itself
