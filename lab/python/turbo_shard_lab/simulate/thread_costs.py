"""What threads of this process cost each other: wake-ups, system calls, memory that both write. In microseconds.

Each figure is that of the fastest of several short series, since a neighbour on the machine only ever adds time. For
the cost of two threads at work at once it is the median: a neighbour may keep them apart.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

SERIES = 15
ROUND_TRIPS = 500
CALLS = 20_000
TOUCHES = 100_000


@dataclass(frozen=True)
class WakeUp:
    """Another core's sleeping thread: how long until it runs, and what waking it costs the waker."""

    latency_us: float
    notify_us: float


def wake_up(waker_core: int, sleeper_core: int) -> WakeUp:
    """Two threads wake each other in turn through eventfds, as workers do through futexes."""
    there, back = os.eventfd(0), os.eventfd(0)
    stop = threading.Event()

    def sleeper() -> None:
        os.sched_setaffinity(0, {sleeper_core})
        while True:
            os.eventfd_read(there)
            if stop.is_set():
                return
            os.eventfd_write(back, 1)

    thread = threading.Thread(target=sleeper, daemon=True)
    thread.start()
    try:
        with pinned(waker_core):
            trips, notifications = [], []
            for _ in range(SERIES):
                whole, first_half = [], []
                for _ in range(ROUND_TRIPS):
                    before = time.perf_counter_ns()
                    os.eventfd_write(there, 1)
                    first_half.append(time.perf_counter_ns() - before)
                    os.eventfd_read(back)
                    whole.append(time.perf_counter_ns() - before)
                trips.append(median(whole) / 1000)
                notifications.append(median(first_half) / 1000)
            awake = eventfd_calls_us()
    finally:
        stop.set()
        os.eventfd_write(there, 1)
        thread.join()
        os.close(there)
        os.close(back)
    clock = each_us(time.perf_counter_ns, CALLS)
    # One way of the two, without the calls that both sides make even if neither sleeps.
    return WakeUp(max(0.0, min(trips) / 2 - awake - clock), max(0.0, min(notifications) - clock))


def eventfd_calls_us() -> float:
    """One write and one read of an eventfd that no thread sleeps on."""
    descriptor = os.eventfd(0)

    def both() -> None:
        os.eventfd_write(descriptor, 1)
        os.eventfd_read(descriptor)

    try:
        return each_us(both, CALLS)
    finally:
        os.close(descriptor)


def epoll_look_us() -> float:
    """One epoll_wait that does not sleep and finds one descriptor ready."""
    descriptor = os.eventfd(1)
    poll = select.epoll()
    poll.register(descriptor, select.EPOLLIN)
    try:
        return each_us(lambda: poll.poll(0), CALLS)
    finally:
        poll.close()
        os.close(descriptor)


def coroutine_resumption_us() -> float:
    """One turn of asyncio's loop that takes a coroutine up again."""

    async def turns() -> float:
        started = time.perf_counter_ns()
        for _ in range(CALLS):
            await asyncio.sleep(0)
        return (time.perf_counter_ns() - started) / CALLS / 1000

    return min(asyncio.run(turns()) for _ in range(SERIES))


class Handler:
    """Stands for an app: a method and a setting of an instance."""

    def __init__(self) -> None:
        self.greeting = "hello"

    def answer(self, number: int) -> dict[str, object]:
        return {"number": number, "greeting": self.greeting}


@dataclass(frozen=True)
class Sharing:
    """What two cores at once take for each turn: with something of their own, and with the same thing."""

    own_us: float
    shared_us: float

    @property
    def exclusive_us(self) -> float:
        """For how long one turn has the shared thing alone.

        The other core waits for that. While both also have other work, a turn is longer by it; once both want nothing
        else, a turn takes twice that time.
        """
        longer = max(0.0, self.shared_us - self.own_us)
        return longer if self.shared_us <= 2 * self.own_us else self.shared_us / 2


def shared_handler(cores: tuple[int, int]) -> Sharing:
    """Two cores call a bound method of the same instance, or of one each."""

    def calls(handler: Handler) -> None:
        for number in range(CALLS):
            handler.answer(number)

    return sharing(calls, CALLS, cores)


def shared_count(cores: tuple[int, int]) -> Sharing:
    """Two cores take and drop a reference to the same object, or to one each."""

    def touches(held: Handler) -> None:
        box = [held]
        for _ in range(TOUCHES):
            box[0]

    return sharing(touches, TOUCHES, cores)


def sharing(work: Callable[[Handler], None], turns: int, cores: tuple[int, int]) -> Sharing:
    own, shared = [], []
    for _ in range(SERIES):
        own.append(both_us(work, None, cores) / turns)
        shared.append(both_us(work, Handler(), cores) / turns)
    return Sharing(median(own), median(shared))


def both_us(work: Callable[[Handler], None], same: Handler | None, cores: tuple[int, int]) -> float:
    """How long two threads work at the same time, each on its core; by default each with what it made itself."""
    start = threading.Barrier(2)
    took: list[float] = []

    def run(core: int) -> None:
        os.sched_setaffinity(0, {core})
        thing = same or Handler()
        start.wait()
        began = time.perf_counter_ns()
        work(thing)
        took.append((time.perf_counter_ns() - began) / 1000)

    threads = [threading.Thread(target=run, args=(core,), daemon=True) for core in cores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A thread that was alone for some of the time was not slowed down then.
    return max(took)


def each_us(call: Callable[[], object], times: int) -> float:
    """What one call takes, without the loop around it."""
    nothing: Callable[[], object] = lambda: None  # noqa: E731
    return max(0.0, min(series_us(call, times)) - min(series_us(nothing, times)))


def series_us(call: Callable[[], object], times: int) -> Iterator[float]:
    for _ in range(SERIES):
        started = time.perf_counter_ns()
        for _ in range(times):
            call()
        yield (time.perf_counter_ns() - started) / times / 1000


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """This thread runs on that core for the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
