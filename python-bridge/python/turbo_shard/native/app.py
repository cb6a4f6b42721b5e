"""App and Router: which function answers which method and path. Servers read `App.endpoints`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import RegistrationError, is_status

if TYPE_CHECKING:
    from .params import Parameter
    from .websocket import WebSocketDoor, WebSocketRoute

type Handler = Callable[..., Any]

_PARAMETER = re.compile(r"\{(\*?)(\w+)(:path)?\}")
_METHOD = re.compile(r"[A-Z0-9!#$%&'*+.^_`|~-]+")
# Flask's parameters: such a route would serve that very text.
_FOREIGN_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


class Argument(NamedTuple):
    """One parameter of a handler as the native side binds it."""

    name: str
    source: str
    alias: str
    kind: str
    many: bool
    keyword_only: bool
    required: bool
    default: Any
    # Makes a fresh default for each call, where a handler could change the default.
    new_default: Callable[[], Any] | None
    read: Callable[..., Any] | None


class Endpoint(NamedTuple):
    """One route as the native side serves it. Each thread has its own, so no two threads count references to one."""

    methods: tuple[str, ...]
    path: str
    handler: Handler
    label: str
    is_async: bool
    blocking: bool
    status_code: int | None
    path_names: tuple[str, ...]
    arguments: tuple[Argument, ...]


class Route(NamedTuple):
    """One decorated function."""

    methods: tuple[str, ...]
    path: str
    handler: Handler
    label: str
    is_async: bool
    blocking: bool
    status_code: int | None


class Router:
    """Routes to be included in an App, all below `prefix`."""

    def __init__(self, *, prefix: str = "") -> None:
        self.prefix = _checked_prefix(prefix)
        self.routes: list[Route] = []
        self._included_in: str = ""
        # Path and function of each WebSocket.
        self.sockets: list[tuple[str, Handler]] = []

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
        _check_path(path)
        names = _checked_methods(methods, path)

        def register(handler: H) -> H:
            if path and not path.startswith("/"):
                raise RegistrationError(
                    f"handler {_label(handler)}: the path {path!r} must begin with a slash"
                )
            self._add(_route(names, self.prefix + path, handler, blocking, status_code))
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
        _check_path(path)

        def register(handler: H) -> H:
            if path and not path.startswith("/"):
                raise RegistrationError(
                    f"handler {_label(handler)}: the WebSocket path {path!r} must begin with a slash"
                )
            self._add_socket(self.prefix + path, handler)
            return handler

        return register

    def include_router(self, router: Router, *, prefix: str = "") -> None:
        """Takes over the router's routes, below `prefix`. The router takes no more routes from then on."""
        if not isinstance(router, Router):
            raise RegistrationError(f"include_router takes a Router, not {type(router).__name__}")
        if isinstance(router, App):
            raise RegistrationError("an App cannot be included; make it a Router")
        before = _checked_prefix(prefix)
        router._included_in = self.prefix + before or "/"
        for route in router.routes:
            self._add(route._replace(path=self.prefix + before + route.path))
        for path, handler in router.sockets:
            self._add_socket(self.prefix + before + path, handler)

    def _add(self, route: Route) -> None:
        self._refuse_late(route.label)
        self.routes.append(route)

    def _add_socket(self, path: str, handler: Handler) -> None:
        self._refuse_late(_label(handler))
        self.sockets.append((path, handler))

    def _refuse_late(self, label: str) -> None:
        if self._included_in:
            raise RegistrationError(
                f"handler {label} comes too late: its router has been included already, under "
                f"{self._included_in!r}; include a router after its last route"
            )


class App(Router):
    """A web app: `app = App()`, then `@app.get("/users/{user_id}")` before a function, and `turbo-shard module:app`."""

    def __init__(self) -> None:
        super().__init__()
        self.startup_handlers: list[Handler] = []
        self.shutdown_handlers: list[Handler] = []
        self._served: dict[tuple[str, str], Route] = {}
        self._websockets: dict[str, WebSocketRoute] = {}
        self._parameters: dict[tuple[str, str], tuple[Parameter, ...]] = {}

    def websocket_door(self) -> WebSocketDoor | None:
        """Leads handshakes to the app's WebSockets; None where it has none."""
        if not self._websockets:
            return None
        from .websocket import WebSocketDoor

        return WebSocketDoor(self._websockets.values())

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

    def endpoints(self) -> list[Endpoint]:
        """What a thread needs to serve the app: made each time, for that thread alone."""
        return [
            _endpoint(route, self._parameters_of(route, is_last_call=True)) for route in self.routes
        ]

    def _add_socket(self, path: str, handler: Handler) -> None:
        from .websocket import websocket_route

        label = _label(handler)
        if not path.startswith("/"):
            raise RegistrationError(
                f"handler {label}: the WebSocket path {path!r} must begin with a slash"
            )
        pattern = _pattern(path)
        if (earlier := self._websockets.get(pattern)) is not None:
            raise RegistrationError(
                f"handler {label}: the WebSocket {path} is served already, by handler {earlier.label}"
            )
        self._websockets[pattern] = websocket_route(path, handler, label)
        super()._add_socket(path, handler)

    def _add(self, route: Route) -> None:
        if not route.path.startswith("/"):
            raise RegistrationError(
                f"handler {route.label}: the path {route.path!r} must begin with a slash"
            )
        pattern = _pattern(route.path)
        for method in route.methods:
            earlier = self._served.get((method, pattern))
            if earlier is not None:
                raise RegistrationError(
                    f"handler {route.label}: {method} {route.path} is served already, by handler {earlier.label}"
                    + (f" as {earlier.path}" if earlier.path != route.path else "")
                )
        self._parameters_of(route)
        for method in route.methods:
            self._served[method, pattern] = route
        super()._add(route)

    def _parameters_of(self, route: Route, *, is_last_call: bool = False) -> tuple[Parameter, ...]:
        from .params import parameters_of

        key = (route.methods[0], route.path)
        known = self._parameters.get(key)
        if known is not None:
            return known
        try:
            read = parameters_of(
                route.handler,
                label=route.label,
                path_names=_path_names(route.path),
                methods=route.methods,
            )
        except SyntaxError as error:
            raise RegistrationError(
                f"handler {route.label}: an annotation is no expression: {error.msg}"
            ) from None
        except NameError as error:
            if not is_last_call:
                # The annotation may name something that is defined further down in the module.
                return ()
            raise RegistrationError(
                f"handler {route.label}: an annotation names {error.name or error}, which its module does not define"
            ) from None
        self._parameters[key] = read
        return read


def _checked_hook(handler: Any, what: str) -> Handler:
    if not callable(handler):
        raise RegistrationError(f"{what} takes a function, not {handler!r}")
    return handler  # type: ignore[no-any-return]


def _route(
    methods: tuple[str, ...], path: str, handler: Any, blocking: bool, status_code: int | None
) -> Route:
    from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction

    label = _label(handler)
    if isinstance(handler, staticmethod):
        handler = handler.__func__
    if not callable(handler):
        raise RegistrationError(f"{label} is to serve {path!r}, but it cannot be called")
    bodies = (handler, getattr(type(handler), "__call__", None))  # noqa: B004
    if any(map(isasyncgenfunction, bodies)) or any(map(isgeneratorfunction, bodies)):
        raise RegistrationError(
            f"handler {label} yields; return StreamingResponse(...) of such a function instead"
        )
    is_async = any(map(iscoroutinefunction, bodies))
    if is_async and blocking:
        raise RegistrationError(
            f"handler {label} is async: blocking=True is for functions that are not"
        )
    if status_code is not None and not is_status(status_code):
        raise RegistrationError(f"handler {label}: status_code is 200 to 599, not {status_code!r}")
    # An IntEnum such as HTTPStatus becomes what it stands for.
    status = None if status_code is None else int(status_code)
    return Route(methods, path, handler, label, is_async, blocking, status)


def _label(handler: Any) -> str:
    while hasattr(handler, "func"):
        handler = handler.func
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    return f"{getattr(handler, '__module__', None) or '?'}.{name}"


def _endpoint(route: Route, parameters: tuple[Parameter, ...]) -> Endpoint:
    return Endpoint(*route, _path_names(route.path), tuple(map(_argument, parameters)))


def _pattern(path: str) -> str:
    """The path without the names of its parameters: paths that differ only in those are the same to a request."""
    return _PARAMETER.sub(lambda found: "{*}" if found[1] or found[3] else "{}", path)


def _path_names(path: str) -> tuple[str, ...]:
    return tuple(found[2] for found in _PARAMETER.finditer(path))


def _argument(parameter: Parameter) -> Argument:
    from .params import MISSING

    kind = parameter.kind
    read: Callable[..., Any] | None = None
    if kind == "json":
        from .body import json_reader

        read = json_reader(parameter.reader())
    elif parameter.source not in ("request", "body"):
        read = parameter.reader()
    required = parameter.default is MISSING
    default = None if required else parameter.default
    name, source, alias = parameter.name, parameter.source, parameter.alias
    return Argument(
        *(name, source, alias, kind, parameter.many, parameter.keyword_only, required, default),
        new_default=_copier(default),
        read=read,
    )


def _copier(default: Any) -> Callable[[], Any] | None:
    """Copies a default for each request: what one handler appends to it must not reach the next request."""
    if not isinstance(default, list | dict | set | bytearray):
        fields = getattr(type(default), "__dataclass_params__", None)
        if fields is None or fields.frozen:
            return None
    from copy import deepcopy
    from functools import partial

    return partial(deepcopy, default)


def _check_path(path: Any) -> None:
    if not isinstance(path, str):
        if callable(path):
            raise RegistrationError(
                f"handler {_label(path)} stands where its path should: write @app.get(path), with a path"
            )
        raise RegistrationError(f"a route's path is a str, not {path!r}")
    if foreign := _FOREIGN_PARAMETER.search(path):
        raise RegistrationError(
            f"the path {path!r} has no parameter in it: write {{{foreign[1]}}}, and its type in the function"
        )


def _checked_prefix(prefix: str) -> str:
    if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
        raise RegistrationError(
            f"a prefix begins with a slash and does not end with one, unlike {prefix!r}"
        )
    return prefix


def _checked_methods(methods: Iterable[str], path: str) -> tuple[str, ...]:
    names = (methods,) if isinstance(methods, str) else tuple(methods or ())
    if not names:
        raise RegistrationError(f"the route {path!r} has no methods")
    for name in names:
        if not isinstance(name, str) or not _METHOD.fullmatch(name.upper()):
            raise RegistrationError(f"the route {path!r} has the method {name!r}, which is not one")
    return tuple(dict.fromkeys(name.upper() for name in names))
