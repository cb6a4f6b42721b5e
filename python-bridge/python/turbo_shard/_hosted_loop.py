"""asyncio as turbo-shard runs it: a loop that a shard drives, and the ends that every loop comes to.

Imported with the first coroutine: an app without any does without asyncio.
"""

import asyncio
import logging
import os
import select
import selectors
import threading
from asyncio import events
from collections.abc import AsyncIterable, Awaitable, Callable

_log = logging.getLogger("turbo_shard.error")

# Rounds of ready callbacks that one turn may run. A timer that ends a coroutine takes three (the future's result, the
# task's step, the task's done callbacks); the shard's connections wait meanwhile.
ROUNDS_PER_TURN_MAX = 4

# Descriptors in the shard's epoll set that are not the loop's own: its timer and its bell.
_FOREIGN_DESCRIPTORS = 2


class HostedSelector(selectors.EpollSelector):
    """Looks into an epoll set that the shard waits on; while its loop is hosted it never waits itself."""

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


class HostedLoop(asyncio.SelectorEventLoop):
    """An event loop that lives on a shard's thread for as long as the shard does.

    It is the thread's running loop only while its callbacks run: a sync handler on the same thread sees none, just as
    it would on a thread pool, so `asyncio.run()` there works (and holds the shard while it does).
    """

    def __init__(self, epoll_fd: int) -> None:
        super().__init__(HostedSelector(epoll_fd))
        self._run_forever_setup()
        events._set_running_loop(None)

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
            events._set_running_loop(None)

    def leave_shard(self, seconds: float) -> None:
        """Stop being hosted: cancel what still runs, wait for it within bounds, close."""
        events._set_running_loop(self)
        self._run_forever_cleanup()
        self._selector.waits = True
        close(self, seconds)


class ThreadLoop(asyncio.SelectorEventLoop):
    """The event loop of a thread of its own (work-stealing mode): only the server ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.serves = True

    def stop(self) -> None:
        """Ends nothing while requests are served: on a shard it has no effect either."""
        if self.serves:
            _log.error("loop.stop() is ignored: the event loop belongs to the server")
        else:
            super().stop()

    def leave_thread(self) -> None:
        """Ends `run_forever`. To be called on the loop's thread."""
        self.serves = False
        super().stop()


def new_thread_loop(bell_fd: int, on_bell: Callable[[], None]) -> ThreadLoop:
    """Make the loop of a thread of its own (work-stealing mode)."""
    loop = ThreadLoop()
    loop.add_reader(bell_fd, on_bell)
    return loop


def run_thread_loop(loop: ThreadLoop, bell_fd: int, seconds: float) -> None:
    """Run until stopped, then end what is left within bounds."""
    try:
        while True:
            try:
                loop.run_forever()
                break
            except (SystemExit, KeyboardInterrupt) as error:
                _log.error(
                    "%s was raised on %s", type(error).__name__, threading.current_thread().name
                )
    finally:
        loop.serves = False
        loop.remove_reader(bell_fd)
        close(loop, seconds)


def close(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Cancel and await the loop's tasks, its async generators and its executor; each gets at most `seconds`."""
    tasks = asyncio.all_tasks(loop)
    try:
        for task in tasks:
            task.cancel()
        if tasks:
            _, pending = loop.run_until_complete(asyncio.wait(tasks, timeout=seconds))
            for task in pending:
                _log.error(
                    "%r ignored its cancellation for %.1f s and was left behind", task, seconds
                )
        loop.run_until_complete(asyncio.wait_for(loop.shutdown_asyncgens(), seconds))
        loop.run_until_complete(loop.shutdown_default_executor(seconds))
    except (Exception, KeyboardInterrupt, SystemExit):
        _log.exception("the event loop did not end cleanly")
    finally:
        loop.close()


async def settle[T](awaitable: Awaitable[T]) -> T:
    """Make a coroutine of anything that can be awaited."""
    return await awaitable


async def pull(
    source: AsyncIterable[object], sink: Callable[[object], Awaitable[None] | None]
) -> None:
    """Hand every chunk of `source` to `sink`, and wait whenever it says so; the source is closed at the end."""
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
