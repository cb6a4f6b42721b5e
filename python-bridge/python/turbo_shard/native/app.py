"""App and Router: which function answers which method and path. Servers read `App.plans`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .errors import RegistrationError
from .plan import Handler, RoutePlan
from .route import (
    Route,
    check_path,
    checked_methods,
    checked_prefix,
    label_of,
    route_of,
    websocket_route_of,
)
from .static_files import Mounted, StaticFiles

if TYPE_CHECKING:
    from .params import Parameter


class Router:
    """Routes to be included in an App, all below `prefix`."""

    def __init__(self, *, prefix: str = "") -> None:
        self.prefix = checked_prefix(prefix)
        self.routes: list[Route] = []
        self.websocket_routes: list[Route] = []
        self._included_in: str = ""

    def route[H: Handler](
        self,
        path: str,
        *,
        methods: Iterable[str] = ("GET",),
        blocking: bool = False,
        status_code: int | None = None,
    ) -> Callable[[H], H]:
        """Registers the function for these methods.

        `blocking=True` is for a function that waits (for a database, a file, a lock) or computes for long: it runs on a
        pool of threads, not on the shard. `status_code` is the answer's status where the function names none.
        """
        check_path(path)
        names = checked_methods(methods, path)

        def register(handler: H) -> H:
            _check_beginning(path, handler)
            self.add(route_of(names, self.prefix + path, handler, blocking, status_code))
            return handler

        return register

    def get[H: Handler](
        self, path: str, *, blocking: bool = False, status_code: int | None = None
    ) -> Callable[[H], H]:
        """Registers the function for GET, and for HEAD where no other function is."""
        return self.route(path, methods=("GET",), blocking=blocking, status_code=status_code)

    def post[H: Handler](
        self, path: str, *, blocking: bool = False, status_code: int | None = None
    ) -> Callable[[H], H]:
        return self.route(path, methods=("POST",), blocking=blocking, status_code=status_code)

    def put[H: Handler](
        self, path: str, *, blocking: bool = False, status_code: int | None = None
    ) -> Callable[[H], H]:
        return self.route(path, methods=("PUT",), blocking=blocking, status_code=status_code)

    def patch[H: Handler](
        self, path: str, *, blocking: bool = False, status_code: int | None = None
    ) -> Callable[[H], H]:
        return self.route(path, methods=("PATCH",), blocking=blocking, status_code=status_code)

    def delete[H: Handler](
        self, path: str, *, blocking: bool = False, status_code: int | None = None
    ) -> Callable[[H], H]:
        return self.route(path, methods=("DELETE",), blocking=blocking, status_code=status_code)

    def head[H: Handler](
        self, path: str, *, blocking: bool = False, status_code: int | None = None
    ) -> Callable[[H], H]:
        return self.route(path, methods=("HEAD",), blocking=blocking, status_code=status_code)

    def options[H: Handler](
        self, path: str, *, blocking: bool = False, status_code: int | None = None
    ) -> Callable[[H], H]:
        return self.route(path, methods=("OPTIONS",), blocking=blocking, status_code=status_code)

    def websocket[H: Handler](self, path: str) -> Callable[[H], H]:
        """Registers an async function for WebSockets: `async def chat(socket: WebSocket, room: str)`.

        Its further parameters come from the path, the query, headers and cookies of the handshake, as a route's do.
        """
        check_path(path)

        def register(handler: H) -> H:
            _check_beginning(path, handler)
            self.add(websocket_route_of(self.prefix + path, handler))
            return handler

        return register

    def include_router(self, router: Router, *, prefix: str = "") -> None:
        """Takes over the router's routes, below `prefix`. The router takes no more routes from then on."""
        if not isinstance(router, Router):
            raise RegistrationError(f"include_router takes a Router, not {type(router).__name__}")
        if isinstance(router, App):
            raise RegistrationError("an App cannot be included; make it a Router")
        before = checked_prefix(prefix)
        router._included_in = self.prefix + before or "/"
        for route in (*router.routes, *router.websocket_routes):
            self.add(route._replace(path=self.prefix + before + route.path))

    def add(self, route: Route) -> None:
        """Registers a route that is read already: front ends of other frameworks add theirs so."""
        if self._included_in:
            raise RegistrationError(
                f"handler {route.label} comes too late: its router has been included already, under "
                f"{self._included_in!r}; include a router after its last route"
            )
        (self.websocket_routes if route.is_websocket else self.routes).append(route)


class App(Router):
    """A web app: `app = App()`, then `@app.get("/users/{user_id}")` before a function, and `turbo-shard module:app`."""

    def __init__(self) -> None:
        super().__init__()
        self.startup_handlers: list[Handler] = []
        self.shutdown_handlers: list[Handler] = []
        self.mounts: list[Mounted] = []
        self._served: dict[tuple[str, str], Route] = {}
        self._parameters: dict[tuple[tuple[str, ...], str], tuple[Parameter, ...]] = {}

    def on_startup[H: Handler](self, handler: H) -> H:
        """The function, sync or async, is called without arguments before the first request, once per app instance.

        It runs on the event loop of the instance's first shard. If it raises, the server does not start (exit status
        3).
        """
        self.startup_handlers.append(_checked_hook(handler, "on_startup"))
        return handler

    def on_shutdown[H: Handler](self, handler: H) -> H:
        """The function is called after the last request, on the loop that the startup handlers ran on."""
        self.shutdown_handlers.append(_checked_hook(handler, "on_shutdown"))
        return handler

    def mount(self, prefix: str, files: StaticFiles) -> None:
        """Serves files below the prefix, for GET and HEAD, where no route is for the path. "/" is for all paths."""
        if not isinstance(files, StaticFiles):
            raise RegistrationError(f"mount takes StaticFiles, not {type(files).__name__}")
        prefix = checked_prefix(prefix.removesuffix("/"))
        if any(mounted.prefix == prefix for mounted in self.mounts):
            raise RegistrationError(f"files are mounted at {prefix or '/'!r} already")
        self.mounts.append(Mounted(prefix, files))

    def plans(self) -> list[RoutePlan]:
        """What a thread needs to serve the app: made each time, for that thread alone."""
        from .signatures import plan_of

        return [
            route.plan(route)
            if route.plan
            else plan_of(route, self._parameters_of(route, is_last_call=True))
            for route in (*self.routes, *self.websocket_routes)
        ]

    def add(self, route: Route) -> None:
        shape = route.template().shape
        for method in route.methods or ("the WebSocket",):
            earlier = self._served.get((method, shape))
            if earlier is not None:
                raise RegistrationError(
                    f"handler {route.label}: {method} {route.path} is served already, by handler {earlier.label}"
                    + (f" as {earlier.path}" if earlier.path != route.path else "")
                )
        if route.plan is None:
            self._parameters_of(route)
        else:
            # The decorators have checked the others.
            check_path(route.path)
        for method in route.methods or ("the WebSocket",):
            self._served[method, shape] = route
        super().add(route)

    def _parameters_of(self, route: Route, *, is_last_call: bool = False) -> tuple[Parameter, ...]:
        from .signatures import read_signature

        key = (route.methods[:1], route.path)
        known = self._parameters.get(key)
        if known is None:
            read = read_signature(route, is_last_call=is_last_call)
            if read is None:
                return ()
            known = self._parameters[key] = read
        return known


def _check_beginning(path: str, handler: Any) -> None:
    """An empty path is the prefix itself."""
    if path and not path.startswith("/"):
        raise RegistrationError(
            f"handler {label_of(handler)}: the path {path!r} must begin with a slash"
        )


def _checked_hook(handler: Any, what: str) -> Handler:
    if not callable(handler):
        raise RegistrationError(f"{what} takes a function, not {handler!r}")
    return handler  # type: ignore[no-any-return]
