"""Where plans stand in an app that has middleware of its own. Knows neither plans nor routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any


class Inside:
    """Stands where `ExceptionMiddleware` stood, behind the user's middleware; `app` is what stood there."""

    def __init__(self, app: Any, serve: Callable[[Any, Any, Any, Any], Awaitable[None]]) -> None:
        self.app = app
        self.serve = serve

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.serve(scope, receive, send, self.app)
