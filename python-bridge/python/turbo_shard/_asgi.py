"""What ASGI apps await where something has to be waited for; what is there at once the native side answers itself."""

from __future__ import annotations

from asyncio import Future
from typing import Any, Protocol

# Errors that are followed to what caused them.
CHAIN_STEPS_MAX = 16


class ClientDisconnected(OSError):
    """What `send()` raises once the client is gone (ASGI HTTP and WebSocket specification 2.4)."""

    def __init__(self) -> None:
        super().__init__("the client has disconnected")


def is_disconnect(error: BaseException | None) -> bool:
    """Whether the client's leaving is behind an app's error: frameworks make errors of their own of it."""
    for _ in range(CHAIN_STEPS_MAX):
        if error is None or isinstance(error, ClientDisconnected):
            break
        if isinstance(error, BaseExceptionGroup):
            return all(map(is_disconnect, error.exceptions))
        error = error.__cause__ or error.__context__
    return isinstance(error, ClientDisconnected)


class Channel(Protocol):
    """The native side of one request."""

    def poll_message(self) -> dict[str, Any] | None: ...
    def must_wait(self) -> bool: ...
    def new_waiter(self) -> Future[None]: ...


async def await_message(channel: Channel) -> dict[str, Any]:
    """The next message for the app."""
    while (message := channel.poll_message()) is None:
        await channel.new_waiter()
    return message


async def await_room(channel: Channel) -> None:
    """Until the app may send more."""
    while channel.must_wait():
        await channel.new_waiter()
