"""Messages from one task to another on one loop, each handed over before the next is sent.

Of HTTP it knows what the last part of a body looks like.
"""

from __future__ import annotations

import asyncio
import math
from asyncio import Future
from collections import deque
from collections.abc import MutableMapping
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

Message = MutableMapping[str, Any]


class Channel:
    """anyio's memory stream without a buffer, for one loop: a sender waits until somebody takes it."""

    __slots__ = ("can_receive", "can_send", "loop", "receivers", "senders")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.senders: deque[tuple[Future[bool], Message]] = deque()
        self.receivers: deque[Future[Message | None]] = deque()
        self.can_send = True
        self.can_receive = True

    async def send(self, message: Message) -> bool:
        """Whether somebody has taken it; False if nobody will any more."""
        if not self.can_send:
            raise anyio.ClosedResourceError
        if not self.can_receive:
            # Who sends on and on must let others run, above all the one that would stop it.
            await checkpoint()
            return False
        await raise_if_cancelled()
        while self.receivers:
            receiver = self.receivers.popleft()
            if not receiver.done():
                receiver.set_result(message)
                return True
        waiting = self.loop.create_future()
        place = (waiting, message)
        self.senders.append(place)
        try:
            taken: bool = await waiting
            return taken
        finally:
            if place in self.senders:
                self.senders.remove(place)

    def is_open(self) -> bool:
        return self.can_send and self.can_receive and not self.senders

    def has_last_part(self) -> bool:
        """Whether the last part of a body waits to be taken."""
        return bool(self.senders) and not self.senders[0][1].get("more_body", False)

    async def receive(self) -> Message:
        if not self.can_receive:
            raise anyio.ClosedResourceError
        while self.senders:
            waiting, message = self.senders.popleft()
            if not waiting.done():
                waiting.set_result(True)
                return message
        if not self.can_send:
            raise anyio.EndOfStream
        return await self.receive_by(self.receiver())

    def receiver(self) -> Future[Message | None]:
        """A place for the next message, to be awaited by `receive_by`."""
        receiver = self.loop.create_future()
        self.receivers.append(receiver)
        return receiver

    async def receive_by(self, receiver: Future[Message | None]) -> Message:
        try:
            found = await receiver
        finally:
            if receiver in self.receivers:
                self.receivers.remove(receiver)
        if found is None:
            raise anyio.EndOfStream if self.can_receive else anyio.ClosedResourceError
        return found

    def close_sending(self) -> None:
        self.can_send = False
        while self.receivers:
            receiver = self.receivers.popleft()
            if not receiver.done():
                receiver.set_result(None)

    def close_receiving(self) -> None:
        self.can_receive = False
        while self.senders:
            waiting, _ = self.senders.popleft()
            if not waiting.done():
                waiting.set_result(False)
        self.close_receivers()

    def close_receivers(self) -> None:
        while self.receivers:
            receiver = self.receivers.popleft()
            if not receiver.done():
                receiver.set_result(None)


async def raise_if_cancelled() -> None:
    """Where anyio would have let a cancelled task go no further."""
    if anyio.current_effective_deadline() == -math.inf:
        await checkpoint()
