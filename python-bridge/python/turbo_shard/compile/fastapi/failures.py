"""What becomes of an exception that leaves a compiled route: the handlers that FastAPI would ask, in its order.

The same as Starlette's `wrap_app_handling_exceptions` around the route, again around the router, and
`ServerErrorMiddleware` around all of it.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette._exception_handler import _lookup_exception_handler
from starlette._utils import is_async_callable
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from .answers import send_response
from .bodies import keep_body
from .site import RouteSite, Site


async def fail(
    call: Any, site: RouteSite, error: Exception, received: bytes | None = None, body: Any = None
) -> None:
    """For a plan that has no Request: one is made for the handlers, with the body as far as it was read."""
    request = site.request_of(call)
    if received is not None:
        keep_body(request, received, body)
    try:
        try:
            raise error
        except Exception:
            # In a block of `except`, so that what a handler raises has the error as its context.
            await handle(call, site, request, error)
        return
    except Exception as unhandled:
        error = unhandled
    try:
        await fail_outside(call, site, request.scope, error)
    finally:
        # The traceback of an error leads here, so this must not lead to the error.
        del error, request


async def handle(call: Any, site: Site, request: Request, error: Exception) -> None:
    """Answer by the app's handler for `error`; raises it where there is none. Call it while `error` is handled."""
    exceptions = site.app_site.exceptions
    try:
        handler = None
        if isinstance(error, HTTPException):
            handler = exceptions._status_handlers.get(error.status_code)
        if handler is None:
            handler = _lookup_exception_handler(exceptions._exception_handlers, error)
        if handler is None:
            raise error
        if call.is_started:
            raise RuntimeError("Caught handled exception, but response already started.") from error
        response = await respond(handler, request, error)
        if response is not None:
            await send_response(call, request.scope, response)
        # An exception that is raised again and again would gather the tracebacks of all requests.
        error.__traceback__ = None
    finally:
        del error, request


async def fail_outside(
    call: Any, site: Site, scope: MutableMapping[str, Any], error: Exception
) -> None:
    """An error that the route's handlers left, or raised: handlers once more, then the answer to server errors."""
    try:
        try:
            raise error
        except Exception:
            await handle(call, site, Request(scope, call.receive, call.send), error)
    except Exception as unhandled:
        server_errors = site.app_site.server_errors
        if server_errors is None:
            raise
        request = Request(scope)
        if server_errors.handler is None:
            response = server_errors.error_response(request, unhandled)
        else:
            response = await respond(server_errors.handler, request, unhandled)
        if not call.is_started:
            await send_response(call, scope, response)
        raise
    finally:
        del error


async def respond(handler: Any, request: Request, error: Exception) -> Any:
    if is_async_callable(handler):
        return await handler(request, error)
    return await run_in_threadpool(handler, request, error)
