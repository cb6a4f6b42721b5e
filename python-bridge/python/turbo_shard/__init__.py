"""turbo-shard: an app server for free-threaded Python. Names are imported when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._native import Request as Request
    from ._native import __version__ as __version__
    from ._native import stats as stats
    from .embedding import RunningServer as RunningServer
    from .embedding import running as running
    from .from_script import serve as serve
    from .metrics.gc_pauses import gc_stats as gc_stats
    from .native.app import App as App
    from .native.app import Router as Router
    from .native.errors import HTTPException as HTTPException
    from .native.errors import InputError as InputError
    from .native.errors import RegistrationError as RegistrationError
    from .native.errors import StartError as StartError
    from .native.params import Body as Body
    from .native.params import Cookie as Cookie
    from .native.params import Header as Header
    from .native.params import Path as Path
    from .native.params import Query as Query
    from .native.response import HTMLResponse as HTMLResponse
    from .native.response import JSONResponse as JSONResponse
    from .native.response import PlainTextResponse as PlainTextResponse
    from .native.response import RedirectResponse as RedirectResponse
    from .native.response import Response as Response
    from .native.response import StreamingResponse as StreamingResponse
    from .native.static_files import StaticFiles as StaticFiles
    from .native.websocket import WebSocket as WebSocket
    from .native.websocket import WebSocketDisconnect as WebSocketDisconnect
    from .settings import SettingsError as SettingsError
    from .testing.client import TestClient as TestClient

# Where each public name lives. Most server starts need only some of them.
_MODULE_OF = {
    "App": "native.app",
    "Body": "native.params",
    "Cookie": "native.params",
    "HTMLResponse": "native.response",
    "HTTPException": "native.errors",
    "Header": "native.params",
    "InputError": "native.errors",
    "JSONResponse": "native.response",
    "Path": "native.params",
    "PlainTextResponse": "native.response",
    "Query": "native.params",
    "RedirectResponse": "native.response",
    "RegistrationError": "native.errors",
    "Request": "_native",
    "Response": "native.response",
    "Router": "native.app",
    "RunningServer": "embedding",
    "SettingsError": "settings",
    "StartError": "native.errors",
    "StaticFiles": "native.static_files",
    "StreamingResponse": "native.response",
    "TestClient": "testing.client",
    "WebSocket": "native.websocket",
    "WebSocketDisconnect": "native.websocket",
    "__version__": "_native",
    "gc_stats": "metrics.gc_pauses",
    "running": "embedding",
    "serve": "from_script",
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
