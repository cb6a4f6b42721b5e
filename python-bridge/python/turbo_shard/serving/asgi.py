"""What `send()` of an ASGI app raises once its client is gone, found again behind what an app made of it."""

from __future__ import annotations

# Errors that are followed to what caused them.
CHAIN_STEPS_MAX = 16


class ClientDisconnected(OSError):
    """What `send()` raises once the client is gone (ASGI HTTP and WebSocket specification 2.4)."""

    def __init__(self) -> None:
        super().__init__("the client has disconnected")


def is_disconnect(error: BaseException | None) -> bool:
    """Whether an app's error comes from the client's leaving: frameworks turn that into errors of their own."""
    for _ in range(CHAIN_STEPS_MAX):
        if error is None or isinstance(error, ClientDisconnected):
            break
        if isinstance(error, BaseExceptionGroup):
            return all(map(is_disconnect, error.exceptions))
        error = error.__cause__ or error.__context__
    return isinstance(error, ClientDisconnected)
