"""turbo-shard: an app server for free-threaded Python. Names are imported when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._native import Request as Request
    from ._native import __version__ as __version__
    from ._native import stats as stats
    from .app import App as App
    from .app import Router as Router
    from .errors import HTTPException as HTTPException
    from .errors import InputError as InputError
    from .errors import RegistrationError as RegistrationError
    from .errors import StartError as StartError
    from .gc_pauses import gc_stats as gc_stats
    from .params import Body as Body
    from .params import Cookie as Cookie
    from .params import Header as Header
    from .params import Path as Path
    from .params import Query as Query
    from .response import HTMLResponse as HTMLResponse
    from .response import JSONResponse as JSONResponse
    from .response import PlainTextResponse as PlainTextResponse
    from .response import RedirectResponse as RedirectResponse
    from .response import Response as Response
    from .response import StreamingResponse as StreamingResponse
    from .server import serve as serve
    from .settings import SettingsError as SettingsError
    from .websocket import WebSocket as WebSocket
    from .websocket import WebSocketDisconnect as WebSocketDisconnect

# Where each public name lives. Most server starts need only some of them.
_MODULE_OF = {
    "App": "app",
    "Body": "params",
    "Cookie": "params",
    "HTMLResponse": "response",
    "HTTPException": "errors",
    "Header": "params",
    "InputError": "errors",
    "JSONResponse": "response",
    "Path": "params",
    "PlainTextResponse": "response",
    "Query": "params",
    "RedirectResponse": "response",
    "RegistrationError": "errors",
    "Request": "_native",
    "Response": "response",
    "Router": "app",
    "SettingsError": "settings",
    "StartError": "errors",
    "StreamingResponse": "response",
    "WebSocket": "websocket",
    "WebSocketDisconnect": "websocket",
    "__version__": "_native",
    "gc_stats": "gc_pauses",
    "serve": "server",
    "stats": "_native",
}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
