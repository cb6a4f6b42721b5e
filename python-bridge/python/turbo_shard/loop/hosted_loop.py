"""asyncio as turbo-shard runs it: a loop that a shard drives, and the ends that every loop comes to.

Imported with the first coroutine: an app without coroutines does without asyncio.
"""

import asyncio
import os
import select
import selectors
import signal
import threading
import time
from asyncio import events
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ..logs.error_log import LOGGER as _log
from .threads import LoopThreads

# Rounds of ready callbacks that one turn may run. A timer that ends a coroutine takes three (the future's result, the
# task's step, the task's done callbacks); the shard's connections wait meanwhile.
ROUNDS_PER_TURN_MAX = 4

# What each step of a loop's end may take even when earlier steps have used up the time.
SECONDS_MIN = 0.1

# Seconds between two looks at how much time a stop still leaves.
LOOK_SECONDS = 0.1

# Descriptors in the shard's epoll set that are not the loop's own: its timer, its bell and on the main thread Python's
# signals.
_FOREIGN_DESCRIPTORS = 3


class HostedSelector(selectors.EpollSelector):
    """Looks into an epoll set that the shard waits on; while its loop is hosted it never waits itself."""

    # An attribute of the base class that typeshed lacks.
    _selector: select.epoll
    _fd_to_key: dict[int, selectors.SelectorKey]

    def __init__(self, epoll_fd: int) -> None:
        super().__init__()
        self._selector.close()
        self._selector = select.epoll.fromfd(os.dup(epoll_fd))
        self.looks = True
        self.waits = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.waits:
            return super().select(timeout)
        ready: list[tuple[selectors.SelectorKey, int]] = []
        if not self.looks:
            return ready
        keys = self._fd_to_key
        for fd, event in self._selector.poll(0, len(keys) + _FOREIGN_DESCRIPTORS):
            key = keys.get(fd)
            if key is not None:
                mask = (event & ~select.EPOLLIN and selectors.EVENT_WRITE) | (
                    event & ~select.EPOLLOUT and selectors.EVENT_READ
                )
                ready.append((key, mask & key.events))
        return ready


class HostedLoop(LoopThreads, asyncio.SelectorEventLoop):
    """An event loop that lives on a shard's thread for as long as the shard does.

    It is the thread's running loop only while its callbacks run: a sync handler on the same thread sees none, just as
    it would on a thread pool, so `asyncio.run()` there works (and holds the shard while it does).
    """

    if TYPE_CHECKING:
        # An attribute of the base class, from 3.13 on, that typeshed lacks.
        _selector: HostedSelector
        _ready: deque[asyncio.Handle]
        _signal_handlers: dict[int, asyncio.Handle]

        def _run_forever_setup(self) -> None: ...
        def _run_once(self) -> None: ...
        def _run_forever_cleanup(self) -> None: ...

    def __init__(self, epoll_fd: int, wake: Callable[[], None]) -> None:
        super().__init__(HostedSelector(epoll_fd))
        self._wake = wake
        # The descriptor that signals wake while no handler is the loop's own.
        self._shards_wakeup_fd = -1
        # The thread's running loop between turns.
        self._between_turns: HostedLoop | None = None
        self._run_forever_setup()
        self.start_root()
        self.adopt_anyio()
        events._set_running_loop(None)
        # Each task that starts asks twice; Python's own methods would take a tenth of a short request's time.
        self.is_running = True.__bool__  # type: ignore[method-assign]

    def set_debug(self, enabled: bool) -> None:
        super().set_debug(enabled)
        self.get_debug = bool(enabled).__bool__  # type: ignore[method-assign]

    def _write_to_self(self) -> None:
        # From any thread. The self-pipe would cost a system call for each call, and two more to empty it.
        if self._selector.waits:
            super()._write_to_self()  # type: ignore[misc]
        else:
            self._wake()

    def keep_running(self) -> None:
        """Be the thread's running loop between turns as well: for a thread that runs only coroutines."""
        self._between_turns = self
        events._set_running_loop(self)

    def turn(self) -> None:
        """Run what is ready, in a few rounds; the descriptors are looked at in the first."""
        selector = self._selector
        events._set_running_loop(self)
        try:
            for _ in range(ROUNDS_PER_TURN_MAX):
                self._run_once()
                if not self._ready:
                    break
                selector.looks = False
        finally:
            selector.looks = True
            events._set_running_loop(self._between_turns)

    def run_here[T](
        self, coroutine: Coroutine[Any, Any, T], bell_fd: int, on_bell: Callable[[], None]
    ) -> T:
        """Run a coroutine to its end and wait on this thread meanwhile: before the shard serves, and after."""
        selector = self._selector
        events._set_running_loop(self)
        selector.waits = True
        try:
            self.add_reader(bell_fd, on_bell)
            task = self.create_task(coroutine)
            while not task.done():
                self._run_once()
        finally:
            self.remove_reader(bell_fd)
            self.adopt_anyio()
            selector.waits = False
            events._set_running_loop(self._between_turns)
        return task.result()

    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Callable[..., object], *args: Any
    ) -> None:
        """Works on the main thread, as the only shard does; refused with the reason where signals do not arrive."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(
                "add_signal_handler: this shard's event loop is not on the main thread, where signals arrive, and "
                "SIGINT and SIGTERM are the server's; stop things in the app's lifespan shutdown instead, "
                "or serve with --shards 1 or --mode process for other signals"
            )
        if sig in (signal.SIGINT, signal.SIGTERM):
            raise RuntimeError(
                "add_signal_handler: SIGINT and SIGTERM are the server's; stop things in the app's "
                "lifespan shutdown instead"
            )
        if not self._signal_handlers:
            # asyncio will make signals wake its own socket.
            self._shards_wakeup_fd = signal.set_wakeup_fd(-1)
        super().add_signal_handler(sig, callback, *args)

    def remove_signal_handler(self, sig: int) -> bool:
        removed = super().remove_signal_handler(sig)
        if removed and not self._signal_handlers:
            signal.set_wakeup_fd(self._shards_wakeup_fd, warn_on_full_buffer=False)
        return removed

    def leave_shard(self, seconds: float) -> None:
        """Stop being hosted, then `close`."""
        del self.is_running
        events._set_running_loop(self)
        self._run_forever_cleanup()
        self._selector.waits = True
        close(self, seconds)


class ThreadLoop(LoopThreads, asyncio.SelectorEventLoop):
    """The event loop of a thread of its own (work-stealing mode): only the server ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.serves = True
        self.start_root()
        self.adopt_anyio()

    def stop(self) -> None:
        """End nothing while requests are served: on a shard it has no effect either."""
        if self.serves:
            _log.error("loop.stop() is ignored: the event loop belongs to the server")
        else:
            super().stop()

    def run_here[T](
        self, coroutine: Coroutine[Any, Any, T], bell_fd: int, on_bell: Callable[[], None]
    ) -> T:
        """Run a coroutine to its end, before requests are served or after."""
        serves, self.serves = self.serves, False
        try:
            self.add_reader(bell_fd, on_bell)
            return self.run_until_complete(coroutine)
        finally:
            if not serves:
                self.remove_reader(bell_fd)
            self.adopt_anyio()
            self.serves = serves

    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Callable[..., object], *args: Any
    ) -> None:
        """Refused, as on a shard."""
        raise RuntimeError(
            "add_signal_handler: this event loop is not on the main thread, where signals arrive, and "
            "SIGINT and SIGTERM are the server's; stop things in the app's lifespan shutdown instead"
        )

    def leave_thread(self) -> None:
        """End `run_forever`. Call on the loop's thread."""
        self.serves = False
        super().stop()


def new_thread_loop(bell_fd: int, on_bell: Callable[[], None]) -> ThreadLoop:
    """Make the loop of a thread of its own (work-stealing mode)."""
    loop = ThreadLoop()
    loop.add_reader(bell_fd, on_bell)
    return loop


def run_thread_loop(loop: ThreadLoop, bell_fd: int) -> None:
    """Run until the server ends."""
    while loop.serves:
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            _log.exception("a callback on the event loop raised")
    loop.remove_reader(bell_fd)


async def finish(tasks: list[asyncio.Task[Any]], seconds_left: Callable[[], float]) -> None:
    """Give tasks the time to finish, which a second signal cuts short."""
    while tasks and (seconds := seconds_left()) > 0:
        _, pending = await asyncio.wait(tasks, timeout=min(seconds, LOOK_SECONDS))
        tasks = list(pending)


async def cancel(tasks: list[asyncio.Task[Any]], seconds: float) -> None:
    """Cancel tasks, and give them a moment to clean up."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=seconds)


def close(loop: HostedLoop | ThreadLoop, seconds: float) -> None:
    """End the loop's tasks, its async generators and its executor, in `seconds` altogether, and close it.

    Threads of the executor and of anyio's calls that are still busy cannot be ended.
    """
    deadline = time.monotonic() + seconds
    if isinstance(loop, ThreadLoop):
        # Nobody has told one whose app did not start that it ends.
        loop.serves = False
    loop.end_root()
    try:
        _cancel_tasks(loop, seconds)
        left = max(deadline - time.monotonic(), SECONDS_MIN)
        loop.run_until_complete(asyncio.wait_for(loop.shutdown_asyncgens(), left))
    except (Exception, KeyboardInterrupt, SystemExit):
        _log.exception("the event loop did not end cleanly")
    finally:
        _end_executor(loop, max(deadline, time.monotonic() + SECONDS_MIN))
        loop.end_calls(max(deadline, time.monotonic() + SECONDS_MIN))
        loop.close()


def _cancel_tasks(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if not tasks:
        return
    _, pending = loop.run_until_complete(asyncio.wait(tasks, timeout=seconds))
    for task in pending:
        _log.error("%r ignored its cancellation for %.1f s and was left behind", task, seconds)


def _end_executor(loop: Any, deadline: float) -> None:
    # Not `shutdown_default_executor`: when it runs out of time it leaves another thread behind that waits for ever.
    executor, loop._default_executor = loop._default_executor, None
    if executor is None:
        return
    executor.shutdown(wait=False, cancel_futures=True)
    for thread in list(executor._threads):
        thread.join(max(deadline - time.monotonic(), 0))


async def settle[T](awaitable: Awaitable[T]) -> T:
    """Make a coroutine from anything that can be awaited."""
    return await awaitable


async def pull(
    source: AsyncIterable[object], sink: Callable[[object], Awaitable[None] | None]
) -> None:
    """Hand every chunk of `source` to `sink`, and wait when it says so; close the source at the end."""
    iterator = aiter(source)
    try:
        async for chunk in iterator:
            room = sink(chunk)
            if room is not None:
                await room
    finally:
        aclose = getattr(iterator, "aclose", None)
        if aclose is not None:
            await aclose()
