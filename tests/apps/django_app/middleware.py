"""A middleware of the project's own, for both kinds of views."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def mark_kind(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    if iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> Any:
            request.served = "async"  # type: ignore[attr-defined]
            response = await get_response(request)
            response["X-Served"] = "async"
            return response

        return async_middleware

    def middleware(request: HttpRequest) -> Any:
        request.served = "sync"  # type: ignore[attr-defined]
        response = get_response(request)
        response["X-Served"] = "sync"
        return response

    return middleware
