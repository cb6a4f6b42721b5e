"""`BaseHTTPMiddleware`, which is behind `@app.middleware("http")`, without its task groups and memory streams.

What can be seen of it is the same: the inner app runs in a task of its own, with a copy of the context, at the same time as
the middleware's function; its messages are taken one by one; it may finish, and its background tasks run, after the
answer was sent; what it raises comes out of `call_next`, or at the end. Starlette's tests of BaseHTTPMiddleware pass on it
(scripts/fastapi_suite.py runs them). Knows nothing of routes and plans.
"""

from __future__ import annotations

import asyncio
import math
from asyncio import CancelledError, Future, Task, current_task
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from starlette.middleware.base import BaseHTTPMiddleware, _CachedRequest, _StreamingResponse
from starlette.requests import Request
from starlette.responses import Response

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ordinary_call = BaseHTTPMiddleware.__call__
# As anyio names the task of the inner app.
TASK_NAME = "starlette.middleware.base.BaseHTTPMiddleware.__call__.<locals>.call_next.<locals>.coro"
GROUP_ERROR = "unhandled errors in a TaskGroup"


def take_over(layer: BaseHTTPMiddleware) -> bool:
    """Let `layer` run as this module has it. It stays the same object, of a subclass of its class."""
    kind = type(layer)
    if kind.__call__ is not ordinary_call:
        return False
    layer.__class__ = direct_kind(kind)
    return True


def give_back(layer: BaseHTTPMiddleware) -> None:
    """Undo `take_over`."""
    kind = type(layer)
    if kind.__call__ is direct_call:
        layer.__class__ = kind.__base__


def direct_kind(kind: type[BaseHTTPMiddleware]) -> type[BaseHTTPMiddleware]:
    """A subclass that only answers calls in another way, and says that it is the class itself."""
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    return type(kind)(kind.__name__, (kind,), {**names, "__call__": direct_call})


async def direct_call(
    self: BaseHTTPMiddleware, scope: MutableMapping[str, Any], receive: Receive, send: Send
) -> None:
    if scope["type"] != "http":
        await self.app(scope, receive, send)
    elif asyncio._get_running_loop() is None:
        # Another library's loop, such as trio's.
        await ordinary_call(self, scope, receive, send)
    else:
        await Exchange(self.app, scope, receive, send).run(self.dispatch_func)


class Channel:
    """anyio's memory stream without a buffer, for one loop: whoever sends waits until somebody takes it."""

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
            # Who sends on and on must let others run, above all whoever would stop it.
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
            return await waiting
        finally:
            if place in self.senders:
                self.senders.remove(place)

    def is_open(self) -> bool:
        return self.can_send and self.can_receive and not self.senders

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


class Inner:
    """The inner app at its work."""

    __slots__ = ("cancel_scope", "failure", "is_running", "task")

    def __init__(self) -> None:
        # So that a cancelled app is cancelled as in a task group: again and again, but not where it is shielded.
        self.cancel_scope = anyio.CancelScope()
        self.is_running = True
        # What is no `Exception`, and no cancellation.
        self.failure: BaseException | None = None
        self.task: Task[None] | None = None


class Exchange:
    """One request at one middleware."""

    __slots__ = (
        "app", "channel", "ended", "error", "inner", "is_raised", "is_sent", "loop", "receivers", "request", "scope", "send",
        "waiting",
    )  # fmt: skip

    def __init__(self, app: Any, scope: Any, receive: Receive, send: Send) -> None:
        self.app = app
        self.scope = scope
        self.send = send
        self.request = _CachedRequest(scope, receive, send)
        self.loop = asyncio.get_running_loop()
        self.channel = Channel(self.loop)
        self.inner: list[Inner] = []
        # Set when an inner app ends, if somebody waits for it.
        self.ended: Future[None] | None = None
        # The inner app's error, and whether `call_next` has raised it.
        self.error: Exception | None = None
        self.is_raised = False
        # Whether the answer is on its way to the client, in whole; and who waits for that.
        self.is_sent = False
        self.waiting: list[Future[None]] = []
        # The tasks of the inner app that wait for a message of the client.
        self.receivers: list[Task[Any]] = []

    async def run(self, dispatch: Any) -> None:
        try:
            response = await dispatch(self.request, self.call_next)
            await response(self.scope, self.request.wrapped_receive, self.send)
            self.note_sent()
            self.channel.close_receiving()
            await self.wait_for_inner(None)
        except BaseException as error:
            await self.wait_for_inner(error)
            if isinstance(error, CancelledError):
                raise
            raise_as_group(error)
        finally:
            self.channel.close_receiving()
            self.channel.close_sending()
        if self.error is not None and not self.is_raised:
            raise self.error

    def note_sent(self) -> None:
        self.is_sent = True
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_result(None)
        for task in self.receivers:
            task.cancel()

    async def wait_for_inner(self, error: BaseException | None) -> None:
        """Until the inner app has ended, whatever happens; it is cancelled if there is an error."""
        cancelled: CancelledError | None = None
        while running := [inner for inner in self.inner if inner.is_running]:
            if error is not None or cancelled is not None:
                for inner in running:
                    inner.cancel_scope.cancel()
            self.ended = self.loop.create_future()
            try:
                await self.ended
            except CancelledError as request:
                cancelled = request
            finally:
                self.ended = None
        for inner in self.inner:
            if inner.failure is not None:
                raise inner.failure
        if cancelled is not None and error is None:
            raise cancelled

    async def call_next(self, request: Request) -> Response:
        inner = Inner()
        self.inner.append(inner)
        # It starts at once, where a task group would start it in the loop's next turn, when this task waits already.
        receiver = self.channel.receiver() if self.channel.is_open() else None
        inner.task = Task(self.serve(inner), loop=self.loop, eager_start=True, name=TASK_NAME)
        info = None
        try:
            while True:
                message = await (
                    self.channel.receive() if receiver is None else self.channel.receive_by(receiver)
                )
                receiver = None
                kind = message["type"]
                if kind == "http.response.debug":
                    info = message["info"]
                elif kind == "http.response.early_hint":
                    await self.send(message)
                else:
                    break
        except anyio.EndOfStream:
            error = self.error
            if error is None:
                raise RuntimeError("No response returned.")  # noqa: B904
            self.is_raised = True
            # Its own cause, if it has none its context; never the end of the stream.
            raise error from error.__cause__ or error.__context__
        assert kind == "http.response.start"
        response = _StreamingResponse(status_code=message["status"], content=self.body(), info=info)
        response.raw_headers = message.get("headers", [])
        return response

    async def serve(self, inner: Inner) -> None:
        try:
            with inner.cancel_scope:
                try:
                    await self.app(self.scope, self.receive_inner, self.send_inner)
                except Exception as error:
                    self.error = error
                finally:
                    self.channel.close_sending()
        except CancelledError:
            raise
        except BaseException as failure:
            inner.failure = failure
        finally:
            inner.is_running = False
            if self.ended is not None and not self.ended.done():
                self.ended.set_result(None)

    async def receive_inner(self) -> Message:
        """What the client sends, for the inner app; a disconnect once its answer is on its way."""
        if self.is_sent:
            return {"type": "http.disconnect"}
        task = current_task()
        requests = task.cancelling()
        self.receivers.append(task)
        try:
            message = await self.request.wrapped_receive()
            # As a task group ends: a message is lost to whoever has been cancelled, so is to `is_disconnected`.
            await raise_if_cancelled()
        except CancelledError:
            # Either `note_sent`, or somebody who means it.
            if not self.is_sent or task.uncancel() > requests:
                raise
            return {"type": "http.disconnect"}
        except Exception as error:
            raise ExceptionGroup(GROUP_ERROR, [error]) from None
        finally:
            self.receivers.remove(task)
        if message["type"] == "http.disconnect":
            # It may be asked for again and again.
            await checkpoint()
        return {"type": "http.disconnect"} if self.is_sent else message

    async def send_inner(self, message: Message) -> None:
        """A message of the inner app. After its last one it goes on when the answer is on its way."""
        if not await self.channel.send(message):
            return
        kind = message["type"]
        if kind == "http.response.pathsend" or (
            kind == "http.response.body" and not message.get("more_body", False)
        ):
            if not self.is_sent:
                waiting = self.loop.create_future()
                self.waiting.append(waiting)
                await waiting

    async def body(self) -> AsyncGenerator[Any]:
        while True:
            try:
                message = await self.channel.receive()
            except anyio.EndOfStream:
                break
            kind = message["type"]
            if kind == "http.response.pathsend":
                yield message
                break
            assert kind == "http.response.body", f"Unexpected message: {message}"
            body = message.get("body", b"")
            if body:
                yield body
            if not message.get("more_body", False):
                break


async def raise_if_cancelled() -> None:
    """Where anyio would have let a cancelled task go no further."""
    if anyio.current_effective_deadline() == -math.inf:
        await checkpoint()


def raise_as_group(error: BaseException) -> None:
    """Raise `error` as if it came alone out of a task group: its context has become its cause."""
    try:
        raise BaseExceptionGroup(GROUP_ERROR, [error])
    except BaseExceptionGroup:
        context = None if error.__suppress_context__ else error.__context__
        raise error from error.__cause__ or context
