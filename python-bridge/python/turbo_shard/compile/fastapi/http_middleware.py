"""`BaseHTTPMiddleware`, which is behind `@app.middleware("http")`, without its task groups and memory streams.

What can be seen of it is the same: the inner app runs in a task of its own, with a copy of the context, at the same
time as the middleware's function; its messages are taken one by one; it may finish, and its background tasks run, after
the answer was sent; what it raises comes out of `call_next`, or at the end. Starlette's tests of it pass on this
(scripts/fastapi_suite.py runs them). Only how many turns of the loop it takes is another. Knows nothing of plans.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import CancelledError, Future, Task, current_task
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from starlette.middleware.base import BaseHTTPMiddleware, _CachedRequest, _StreamingResponse
from starlette.requests import Request
from starlette.responses import Response

from .http_channel import Channel, Message, raise_if_cancelled
from .known_code import function_named, is_own

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BASE = "starlette.middleware.base"
ordinary_call = BaseHTTPMiddleware.__call__
# What is done here in its place.
STAND_IN_FOR = (
    "BaseHTTPMiddleware.__call__",
    "_CachedRequest.wrapped_receive",
    "_StreamingResponse.__call__",
)
# As anyio names the task of the inner app.
TASK_NAME = f"{BASE}.BaseHTTPMiddleware.__call__.<locals>.call_next.<locals>.coro"
GROUP_ERROR = "unhandled errors in a TaskGroup"


def take_over(outermost: Any, innermost: Any) -> list[BaseHTTPMiddleware]:
    """Let the layers from one middleware to the other run as this module has it, those that can. Returns them."""
    taken = []
    module = sys.modules[BASE]
    if all(is_own(function_named(module, name), BASE, name) for name in STAND_IN_FOR):
        layer = outermost
        while layer is not innermost.app:
            if isinstance(layer, BaseHTTPMiddleware) and take_over_one(layer):
                taken.append(layer)
            layer = layer.app
    return taken


def take_over_one(layer: BaseHTTPMiddleware) -> bool:
    """`layer` stays the same object, of a subclass of its class."""
    kind = type(layer)
    has_hook = any("__init_subclass__" in vars(each) for each in kind.__mro__[:-1])
    if kind.__call__ is not ordinary_call or type(kind) is not type or has_hook:
        return False
    try:
        layer.__class__ = direct_kind(kind)
    except TypeError:
        return False
    return True


def give_back(layers: list[BaseHTTPMiddleware]) -> None:
    """Undo `take_over`."""
    for layer in layers:
        if type(layer).__call__ is direct_call:
            layer.__class__ = type(layer).__bases__[0]


def direct_kind(kind: type[BaseHTTPMiddleware]) -> type[BaseHTTPMiddleware]:
    """A subclass that only answers calls in another way, and says that it is the class itself."""
    shown = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(kind.__name__, (kind,), {**shown, "__call__": direct_call})


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
        "app",
        "channel",
        "ended",
        "error",
        "inner",
        "is_raised",
        "is_sent",
        "is_whole",
        "loop",
        "outer",
        "parts",
        "receivers",
        "request",
        "scope",
        "send",
        "waiting",
    )

    def __init__(self, app: Any, scope: Any, receive: Receive, send: Send) -> None:
        self.app = app
        self.scope = scope
        self.send = send
        self.request = _CachedRequest(scope, receive, send)
        # The exchange of the next middleware outside, if nothing is between.
        is_nested = getattr(send, "__func__", None) is Exchange.send_inner
        self.outer: Exchange | None = getattr(send, "__self__", None) if is_nested else None
        self.loop = asyncio.get_running_loop()
        self.channel = Channel(self.loop)
        self.inner: list[Inner] = []
        # Set when an inner app ends, if somebody waits for it.
        self.ended: Future[None] | None = None
        # The inner app's error, and whether `call_next` has raised it.
        self.error: Exception | None = None
        self.is_raised = False
        # Whether all of the inner app's answer was there when it began. One that is made part by part is handed on with
        # the pauses that memory streams make, so that the app comes as far as it would before each part is sent.
        self.is_whole = False
        self.parts: AsyncGenerator[Any] | None = None
        # Whether the answer is on its way to the client, in whole; and who waits for that.
        self.is_sent = False
        self.waiting: list[Future[None]] = []
        # The tasks of the inner app that wait for a message of the client.
        self.receivers: list[Task[Any]] = []

    async def run(self, dispatch: Any) -> None:
        try:
            response = await dispatch(self.request, self.call_next)
            if self.outer is not None:
                await self.tell_outer(self.outer, response)
            await response(self.scope, self.request.wrapped_receive, self.send)
            self.note_sent()
            self.channel.close_receiving()
            await self.wait_for_inner(None)
        except GeneratorExit:
            # Nobody runs this any more, so nothing can be waited for.
            for inner in self.inner:
                inner.cancel_scope.cancel()
            raise
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

    async def tell_outer(self, outer: Exchange, response: Any) -> None:
        if self.is_whole and getattr(response, "body_iterator", None) is self.parts:
            outer.is_whole = True
        else:
            await checkpoint()

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
                    self.channel.receive()
                    if receiver is None
                    else self.channel.receive_by(receiver)
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
        if kind != "http.response.start":
            raise AssertionError
        self.is_whole = self.is_whole or self.channel.has_last_part()
        self.parts = parts = self.body()
        response = _StreamingResponse(status_code=message["status"], content=parts, info=info)
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
        task: Any = current_task()
        requests = task.cancelling()
        self.receivers.append(task)
        try:
            message = await self.request.wrapped_receive()
            # As a task group ends: a message is lost if the task has been cancelled; `is_disconnected` is such a task.
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
            # It may be asked for again and again, or beside an answer: it comes when it would with task groups.
            for _ in range(4 if self.outer is None else 2):
                await checkpoint()
        return {"type": "http.disconnect"} if self.is_sent else message

    async def send_inner(self, message: Message) -> None:
        """A message of the inner app. After its last one it goes on when the answer is on its way."""
        if not self.is_whole and "body" in message:
            await checkpoint()
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
            if not self.is_whole:
                await checkpoint()
            try:
                message = await self.channel.receive()
            except anyio.EndOfStream:
                break
            kind = message["type"]
            if kind == "http.response.pathsend":
                yield message
                break
            if kind != "http.response.body":
                raise AssertionError(f"Unexpected message: {message}")
            body = message.get("body", b"")
            if body:
                yield body
            if not message.get("more_body", False):
                break


def raise_as_group(error: BaseException) -> None:
    """Raise `error` as if it came alone out of a task group: its context has become its cause."""
    try:
        raise BaseExceptionGroup(GROUP_ERROR, [error]) from None
    except BaseExceptionGroup:
        context = None if error.__suppress_context__ else error.__context__
        raise error from error.__cause__ or context
