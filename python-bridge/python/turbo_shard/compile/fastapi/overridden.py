"""The rest of a request by FastAPI's own functions: dependencies were overridden after its plan had begun.

A dependency of the request itself, another request or a thread may set `dependency_overrides` at any time, and FastAPI
looks at them before each dependency. What has been called already is in FastAPI's cache then, as it would be.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from fastapi.dependencies.models import _is_coroutine_callable
from fastapi.dependencies.utils import solve_dependencies
from fastapi.exceptions import RequestValidationError
from fastapi.routing import run_endpoint_function, serialize_response
from pydantic_core import PydanticUndefined
from starlette.requests import Request
from starlette.responses import Response

from .answers import response_with, send_response
from .bodies import keep_body
from .handlers import Handler
from .site import FUNCTION_STACK, MIDDLEWARE_STACK, REQUEST_STACK, RouteSite

# Stands for the result of a dependency that has not been called yet.
MISSING: Any = object()


async def rest_by_fastapi(
    site: RouteSite,
    handler: Handler,
    request: Request,
    body: Any,
    solved: dict[Any, Any],
    injected: Response | None,
    background: Any,
) -> Response:
    """The response of a request whose dependencies are in `solved`, as far as they have been called."""
    result = await solve_dependencies(
        request=request,
        dependant=handler.dependant,
        body=body,
        background_tasks=background,
        response=injected,
        dependency_overrides_provider=handler.overrides_provider,
        dependency_cache={key: value for key, value in solved.items() if value is not MISSING},
        async_exit_stack=request.scope[REQUEST_STACK],
        embed_body_fields=handler.embed_body_fields,
    )
    context = site.context_in(request.scope)
    if result.errors:
        told = None if body is PydanticUndefined else body
        raise RequestValidationError(result.errors, body=told, endpoint_ctx=context)
    is_coroutine = _is_coroutine_callable(handler.dependant.call)
    raw = await run_endpoint_function(
        dependant=handler.dependant, values=result.values, is_coroutine=is_coroutine
    )
    if isinstance(raw, Response):
        if raw.background is None:
            raw.background = result.background_tasks
        return raw
    content = await serialize_response(
        field=handler.response_field,
        response_content=raw,
        **handler.dump,
        is_coroutine=is_coroutine,
        endpoint_ctx=context,
        dump_json=handler.response_field is not None and handler.is_default_class,
    )
    return response_with(handler, content, result.response, result.background_tasks)


async def finish_by_fastapi(
    call: Any,
    site: RouteSite,
    handler: Handler,
    received: bytes | None,
    body: Any,
    solved: dict[Any, Any],
    injected: Response | None,
    background: Any,
) -> None:
    """The same for a plan that has no Request yet: with all that FastAPI puts around a route."""
    request = site.request_of(call)
    scope = request.scope
    if received is not None:
        keep_body(request, received, body)
    outer, inner, of_function = AsyncExitStack(), AsyncExitStack(), AsyncExitStack()
    stacks = {MIDDLEWARE_STACK: outer, REQUEST_STACK: inner, FUNCTION_STACK: of_function}
    scope.update(stacks)
    async with outer, inner:
        async with of_function:
            response = await rest_by_fastapi(
                site, handler, request, body, solved, injected, background
            )
        await send_response(call, scope, response)
