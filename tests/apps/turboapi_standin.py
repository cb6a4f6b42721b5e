"""Stands in for TurboAPI 1.x, which needs Python 3.14: plain classes of the same names and shapes, none of its code.

`TurboAPI` is shaped like 1.x and `FirstTurboAPI` like 0.3. All say that they come from `turboapi`: that is how they are
recognised.
"""

from __future__ import annotations

import enum
import gzip
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Self


class HTTPMethod(enum.Enum):
    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"
    PATCH = "PATCH"
    HEAD = "HEAD"
    OPTIONS = "OPTIONS"


class RouteDefinition:
    def __init__(self, method: HTTPMethod, path: str, handler: Any, dependencies: Any) -> None:
        self.method = method
        self.path = path
        self.handler = handler
        self.dependencies = dependencies
        self.path_params: list[Any] = []
        self.query_params: dict[str, Any] = {}
        self.request_model: Any = None
        self.response_model: Any = None


class RouteRegistry:
    def __init__(self) -> None:
        self.routes: list[RouteDefinition] = []

    def get_routes(self) -> list[RouteDefinition]:
        return list(self.routes)


class FirstRouter:
    """Routes as 0.3 keeps them; other arguments of a decorator are thrown away."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.registry = RouteRegistry()

    def route(self, method: HTTPMethod, path: str, **dropped: Any) -> Callable[..., Any]:
        def register(handler: Any) -> Any:
            self.registry.routes.append(RouteDefinition(method, self.prefix + path, handler, None))
            return handler

        return register

    def get(self, path: str, **dropped: Any) -> Callable[..., Any]:
        return self.route(HTTPMethod.GET, path)

    def post(self, path: str, **dropped: Any) -> Callable[..., Any]:
        return self.route(HTTPMethod.POST, path)

    def put(self, path: str, **dropped: Any) -> Callable[..., Any]:
        return self.route(HTTPMethod.PUT, path)

    def delete(self, path: str, **dropped: Any) -> Callable[..., Any]:
        return self.route(HTTPMethod.DELETE, path)

    def include_router(
        self, router: Any, prefix: str = "", tags: Any = None, dependencies: Any = None
    ) -> None:
        own = list(getattr(router, "dependencies", ()))
        for one in router.registry.get_routes():
            merged = own + (one.dependencies or [])
            self.registry.routes.append(
                RouteDefinition(one.method, prefix + one.path, one.handler, merged or None)
            )


class APIRouter(FirstRouter):
    def __init__(self, prefix: str = "", dependencies: list[Any] | None = None) -> None:
        super().__init__(prefix)
        self.dependencies = dependencies or []


class FirstTurboAPI(FirstRouter):
    def __init__(self, title: str = "TurboAPI", **dropped: Any) -> None:
        super().__init__()
        self.title = title
        self.middleware_stack: list[tuple[Any, dict[str, Any]]] = []
        self.startup_handlers: list[Any] = []
        self.shutdown_handlers: list[Any] = []

    def add_middleware(self, kind: Any, **arguments: Any) -> None:
        self.middleware_stack.append((kind, arguments))

    def on_event(self, event: str) -> Callable[..., Any]:
        return lambda function: (
            self.startup_handlers if event == "startup" else self.shutdown_handlers
        ).append(function)


class TurboAPI(FirstTurboAPI):
    def __init__(self, title: str = "TurboAPI", *, lifespan: Any = None, **dropped: Any) -> None:
        super().__init__(title)
        self.dependencies: list[Any] = []
        self.docs_url: str | None = "/docs"
        self.redoc_url: str | None = "/redoc"
        self.openapi_url: str | None = "/openapi.json"
        self._lifespan = lifespan
        self._mounts: dict[str, Any] = {}
        self._websocket_routes: dict[str, Any] = {}
        self._exception_handlers: dict[Any, Any] = {}

    def openapi(self) -> dict[str, Any]:
        return {"openapi": "3.1.0", "paths": [one.path for one in self.registry.routes]}

    def websocket(self, path: str) -> Callable[..., Any]:
        def register(handler: Any) -> Any:
            self._websocket_routes[path] = handler
            return handler

        return register

    def exception_handler(self, kind: Any) -> Callable[..., Any]:
        def register(handler: Any) -> Any:
            self._exception_handlers[kind] = handler
            return handler

        return register

    def static_route(
        self,
        method: str,
        path: str,
        body: str,
        status: int = 200,
        content_type: str = "application/json",
    ) -> None:
        self._static_routes = getattr(self, "_static_routes", [])
        self._static_routes.append((method, path, status, content_type, body))


class Marker:
    """What all markers have; each of 1.x takes a part of these."""

    def __init__(self, default: Any = ..., *, alias: str | None = None, **limits: Any) -> None:
        self.default = default
        self.alias = alias
        self.convert_underscores = True
        for name, bound in limits.items():
            setattr(self, name, bound)


class Query(Marker): ...


class Header(Marker): ...


class Cookie(Marker): ...


class Path(Marker): ...


class Body(Marker): ...


class Form(Marker): ...


class File(Marker): ...


class UploadFile:
    def __init__(self, filename: str, file: Any, content_type: str, *, size: int) -> None:
        self.filename = filename
        self.file = file
        self.content_type = content_type
        self.size = size

    async def read(self) -> bytes:
        content: bytes = self.file.read()
        return content


class Depends:
    def __init__(self, dependency: Any = None, *, use_cache: bool = True) -> None:
        self.dependency = dependency
        self.use_cache = use_cache


class Security(Depends):
    def __init__(self, dependency: Any = None, *, scopes: list[str] | None = None) -> None:
        super().__init__(dependency)
        self.scopes = scopes or []


class SecurityScopes:
    def __init__(self, scopes: list[str]) -> None:
        self.scopes = scopes


class SecurityBase: ...


class HTTPDigest(SecurityBase):
    """1.x has no code for it either."""


class HTTPException(Exception):
    def __init__(
        self, status_code: int, detail: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        self.status_code = status_code
        self.detail = detail
        self.headers = headers


class HTTPBearer(SecurityBase):
    def __call__(self, authorization: str | None = None) -> str:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise HTTPException(401, "Not authenticated", {"WWW-Authenticate": "Bearer"})
        return token


class APIKey(SecurityBase):
    def __init__(self, name: str) -> None:
        self.name = name

    def key(self, mapping: dict[str, str]) -> str:
        if self.name not in mapping:
            raise HTTPException(403, "Not authenticated")
        return mapping[self.name]


class APIKeyHeader(APIKey):
    def __call__(self, headers: dict[str, str]) -> str:
        return self.key(headers)


class APIKeyQuery(APIKey):
    def __call__(self, query_params: dict[str, str]) -> str:
        return self.key(query_params)


class APIKeyCookie(APIKey):
    def __call__(self, cookies: dict[str, str]) -> str:
        return self.key(cookies)


class OAuth2PasswordRequestForm:
    def __init__(self, username: str, password: str, client_id: str | None = None) -> None:
        self.username = username
        self.password = password
        self.client_id = client_id


class RequestValidationError(Exception):
    def __init__(self, errors: Any, *, body: Any = None) -> None:
        self._errors = errors
        self.body = body

    def errors(self) -> list[Any]:
        return list(self._errors)


class WebSocketException(Exception):
    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = code
        self.reason = reason


class WebSocketDisconnect(Exception):
    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = code
        self.reason = reason


class WebSocket: ...


class BackgroundTasks:
    def __init__(self) -> None:
        self.tasks: list[Any] = []

    def add_task(self, function: Any, *arguments: Any, **named: Any) -> None:
        self.tasks.append((function, arguments, named))


class TurboRequest: ...


class BaseModel:
    """Models of dhi, as far as they are met here: every annotated field is required."""

    @classmethod
    def model_validate(cls, value: Any) -> Self:
        model = cls()
        for name, kind in cls.__annotations__.items():
            if not isinstance(value, dict) or type(value.get(name)).__name__ != kind:
                raise LookupError(f"{name}: Expected {kind}")
            setattr(model, name, value[name])
        return model

    def model_dump(self) -> dict[str, Any]:
        return dict(vars(self))


class Response:
    media_type: str | None = None

    def __init__(
        self,
        content: Any = b"",
        status_code: int = 200,
        headers: dict[str, Any] | None = None,
        media_type: str | None = None,
    ) -> None:
        self.status_code = status_code
        self.headers: dict[str, Any] = headers or {}
        self.media_type = media_type or self.media_type
        self.body = content if isinstance(content, bytes) else content.encode()

    def set_cookie(self, key: str, value: str) -> None:
        self.headers.setdefault("set-cookie", []).append(f"{key}={value}")


class HTMLResponse(Response):
    media_type = "text/html"


class RedirectResponse(Response):
    def __init__(self, url: str) -> None:
        super().__init__(b"", 307, {"location": url})


class StreamingResponse(Response):
    def __init__(self, content: Iterator[Any], media_type: str | None = None) -> None:
        super().__init__(b"", media_type=media_type)
        self._content_iterator = content


class TurboResponse:
    def __init__(self, content: Any, status_code: int = 200) -> None:
        self.content = content
        self.status_code = status_code
        self.headers: dict[str, str] = {}


class Middleware:
    def before_request(self, request: Any) -> Any: ...

    def after_request(self, request: Any, response: Any) -> Any:
        return response

    def on_error(self, request: Any, error: Exception) -> Any:
        return TurboResponse({"error": "Internal Server Error"}, 500)


class CORSMiddleware(Middleware):
    def __init__(self, allow_origins: list[str]) -> None:
        self.allow_origins = allow_origins

    def after_request(self, request: Any, response: Any) -> Any:
        if (origin := request.headers.get("origin", "")) in self.allow_origins:
            response.set_header("Access-Control-Allow-Origin", origin)
        response.set_header("Access-Control-Allow-Methods", "GET, POST")
        return response


class GZipMiddleware(Middleware):
    def after_request(self, request: Any, response: Any) -> Any:
        if "gzip" in request.get_header("accept-encoding", "") and hasattr(response, "body"):
            response.content = gzip.compress(response.body)
            response.set_header("Content-Encoding", "gzip")
            response.set_header("Content-Length", str(len(response.content)))
        return response


class HTTPSRedirect(Exception):
    def __init__(self, url: str) -> None:
        self.url = url


class HTTPSRedirectMiddleware(Middleware):
    def before_request(self, request: Any) -> None:
        if request.headers.get("x-forwarded-proto", "http") == "http":
            raise HTTPSRedirect(f"https://{request.headers.get('host', '')}{request.path}")


for _kind in [one for one in vars().values() if inspect.isclass(one)]:
    if _kind.__module__ == __name__:
        _kind.__module__ = "turboapi.standin"
# 0.3 calls its app by the same name.
FirstTurboAPI.__name__ = "TurboAPI"
