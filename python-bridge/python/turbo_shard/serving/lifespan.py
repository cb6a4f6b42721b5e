"""What an app does before its first request and after its last: ASGI's lifespan protocol, and the hooks of native apps.

The native side awaits `startup()` on an instance's own loop before it serves and `shutdown()` after its last request.
It knows nothing more about either.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from ..logs.app_errors import tell
from ..logs.error_log import LOGGER as _log
from . import banner

type Hook = Callable[[], Any]


class LifespanFailed(Exception):
    """The app does not want to be served; the text is the app's reason."""


def of_asgi(app: Any, mode: str) -> AsgiLifespan | None:
    """The lifespan of an ASGI app, or None where it is switched off."""
    return None if mode == "off" else AsgiLifespan(app, is_required=mode == "on")


def of_native(app: Any) -> HookLifespan | None:
    """The lifespan of a native app, or None where it has no hooks."""
    if app.startup_handlers or app.shutdown_handlers:
        return HookLifespan(app.startup_handlers, app.shutdown_handlers)
    return None


class Startup:
    """A startup that a stop can interrupt: what the app waits for then may never come."""

    _waiting: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
    _is_given_up = False

    def _begin(self) -> None:
        """On the startup's own task, before all else."""
        task = asyncio.current_task()
        if task is not None:
            self._waiting = (asyncio.get_running_loop(), task)
        if self._is_given_up:
            raise LifespanFailed("the server was stopped while it started")

    def give_up(self) -> None:
        """From any thread."""
        self._is_given_up = True
        if self._waiting is not None:
            loop, task = self._waiting
            # The loop has ended where the startup has.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)


class AsgiLifespan(Startup):
    """One instance's lifespan (ASGI lifespan specification 2.0): a task that is sent two messages."""

    def __init__(self, app: Any, *, is_required: bool) -> None:
        self._app = app
        self._is_required = is_required
        self._inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._started: asyncio.Future[str | None] | None = None
        self._stopped: asyncio.Future[str | None] | None = None
        # The app has shut down and asks for a message that will never come.
        self._asks_in_vain: asyncio.Future[None]
        self._task: asyncio.Task[None] | None = None
        self._state: dict[str, Any] = {}

    async def startup(self) -> dict[str, Any] | None:
        """Returns the state for the scopes of requests; None if the app knows no lifespan. Raises LifespanFailed."""
        self._begin()
        loop = asyncio.get_running_loop()
        self._started, self._stopped = loop.create_future(), loop.create_future()
        self._asks_in_vain = loop.create_future()
        self._task = asyncio.create_task(self._run(), name="lifespan")
        self._inbox.put_nowait({"type": "lifespan.startup"})
        await _first_of(self._task, self._started)
        if self._started.done():
            message = self._started.result()
            if message is None:
                return self._state
            # Its traceback, if there is one, is in the message already. An app that waits for more will hear no more.
            _, waiting = await asyncio.wait({self._task}, timeout=1)
            if waiting:
                self._task.cancel()
                await asyncio.wait(waiting, timeout=1)
            raised = None
            if self._task.done() and not self._task.cancelled():
                raised = self._task.exception()
            raise LifespanFailed(_told("startup", message)) from raised
        self._without_lifespan(_error_of(self._task))
        return None

    def _without_lifespan(self, error: BaseException | None) -> None:
        self._task = None
        if isinstance(error, LifespanFailed):
            raise error
        if not self._is_required:
            # The specification's way of saying that an app knows no lifespan.
            _note_once(error)
            return
        if error is not None:
            tell("the app's lifespan startup raised", error)
            raise LifespanFailed(
                f"the app's lifespan startup failed: {_in_one_line(error)}"
            ) from error
        raise LifespanFailed("--lifespan on, but the app returned before its startup was complete")

    async def shutdown(self) -> None:
        """Tells the app to shut down, and waits for that."""
        if self._task is None or self._stopped is None:
            return
        self._inbox.put_nowait({"type": "lifespan.shutdown"})
        await _first_of(self._task, self._stopped)
        if self._stopped.done():
            if message := self._stopped.result():
                _log.error("%s", _told("shutdown", message))
            # What the app does after its message belongs to its shutdown too; one that asks for another has nothing to
            # do.
            await _first_of(self._task, self._asks_in_vain)
            if not self._task.done():
                return
        error = _error_of(self._task)
        if error is not None and not self._stopped.done():
            tell("the app's lifespan shutdown raised", error)

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        try:
            await self._app(scope, self._receive, self._send)
        except (SystemExit, KeyboardInterrupt) as error:
            # If a task let these out, they would end the loop's turn as well.
            raise LifespanFailed(f"the app's lifespan raised {_in_one_line(error)}") from error

    async def _receive(self) -> dict[str, str]:
        if self._stopped is not None and self._stopped.done() and not self._asks_in_vain.done():
            self._asks_in_vain.set_result(None)
        return await self._inbox.get()

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        stage, _, outcome = kind.removeprefix("lifespan.").partition(".")
        future = {"startup": self._started, "shutdown": self._stopped}.get(stage)
        if future is None or outcome not in ("complete", "failed"):
            raise RuntimeError(f"unexpected ASGI message {kind!r} in a lifespan")
        if future.done():
            raise RuntimeError(f"unexpected ASGI message {kind!r}: the {stage} is over already")
        if stage == "shutdown" and self._started is not None and not self._started.done():
            raise RuntimeError(
                f"unexpected ASGI message {kind!r}, expected lifespan.startup.complete"
            )
        future.set_result(None if outcome == "complete" else str(message.get("message", "")))


class HookLifespan(Startup):
    """The startup and shutdown handlers of a native app, one after another, in the order of their registration."""

    def __init__(self, startup: Sequence[Hook], shutdown: Sequence[Hook]) -> None:
        self._startup, self._shutdown = tuple(startup), tuple(shutdown)

    async def startup(self) -> None:
        """Runs the startup handlers; the first that raises is the last."""
        self._begin()
        for hook in self._startup:
            try:
                await _called(hook)
            except (Exception, SystemExit) as error:
                tell(f"startup handler {_name(hook)} raised", error)
                raise LifespanFailed(
                    f"startup handler {_name(hook)} failed: {_in_one_line(error)}"
                ) from error

    async def shutdown(self) -> None:
        """Runs every shutdown handler, whatever the others raise."""
        for hook in self._shutdown:
            try:
                await _called(hook)
            except (Exception, SystemExit) as error:
                tell(f"shutdown handler {_name(hook)} raised", error)


_noted: set[str] = set()


def _note_once(error: BaseException | None) -> None:
    """One line where an app raised: it may not know lifespans, or may have failed in its own."""
    if error is None or _noted:
        return
    _noted.add("lifespan")
    banner.tell_note(
        f"served without lifespan, in which the app raised {_in_one_line(error)}; "
        "--lifespan on makes that an error, off does not ask"
    )


async def _first_of(*waited: asyncio.Future[Any]) -> None:
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def _called(hook: Hook) -> None:
    result = hook()
    if hasattr(result, "__await__"):
        await result


def _name(hook: Any) -> str:
    return getattr(hook, "__qualname__", None) or repr(hook)


def _told(stage: str, message: str) -> str:
    """The app's message; of a traceback the last line, after all of it has been logged."""
    lines = message.strip().splitlines()
    if len(lines) > 1:
        _log.error("the app's lifespan %s failed:\n%s", stage, message.rstrip())
    return f"the app's lifespan {stage} failed" + (f": {lines[-1].strip()}" if lines else "")


def _in_one_line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
