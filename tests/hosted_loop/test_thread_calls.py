"""Calls that a loop hands to threads beside it: each is run once, and the threads end when they are not needed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from contextvars import Context

from turbo_shard.loop.thread_calls import THREAD_NAME, ThreadCall, ThreadCalls

CALLS = 3000


def run(call: ThreadCall) -> None:
    try:
        call.result = call.context.run(call.function, *call.args)
    except BaseException as error:
        call.error = error


def make_calls(loop: asyncio.AbstractEventLoop, **options: float) -> ThreadCalls:
    return ThreadCalls(loop, contextlib.nullcontext, run, **options)


def put(calls: ThreadCalls, function: object, *args: object) -> asyncio.Future[object]:
    future = asyncio.get_running_loop().create_future()
    calls.put(ThreadCall(future, Context(), function, args, None))  # type: ignore[arg-type]
    return future


def threads() -> int:
    return sum(thread.name == THREAD_NAME for thread in threading.enumerate())


def test_every_call_comes_back_once_with_its_own_result() -> None:
    chance = random.Random(20)
    runs = [0] * CALLS

    def call(number: int, pause_s: float) -> int:
        runs[number] += 1
        if pause_s:
            time.sleep(pause_s)
        if number % 7 == 0:
            raise ValueError(number)
        return number

    async def main() -> None:
        calls = make_calls(asyncio.get_running_loop())
        number = 0
        while number < CALLS:
            batch = min(chance.choice((1, 2, 5, 30)), CALLS - number)
            futures = [
                put(calls, call, one, chance.choice((0, 0, 0, 0, 0.0005)))
                for one in range(number, number + batch)
            ]
            for one, future in enumerate(futures, number):
                try:
                    assert await asyncio.wait_for(future, 30) == one
                except ValueError as error:
                    assert error.args == (one,)
                    assert one % 7 == 0
            number += batch
        assert calls.end(time.monotonic() + 30) == 0

    asyncio.run(main())
    assert runs == [1] * CALLS
    assert threads() == 0


def test_call_that_blocks_holds_up_no_other() -> None:
    async def main() -> None:
        calls = make_calls(asyncio.get_running_loop())
        gate = threading.Event()
        for blocked in range(1, 6):
            held = [put(calls, gate.wait, 30) for _ in range(blocked)]
            short = [put(calls, int, str(number)) for number in range(20)]
            assert await asyncio.wait_for(asyncio.gather(*short), 30) == list(range(20))
            gate.set()
            assert all(await asyncio.gather(*held))
            gate.clear()
        # No more than there were calls at once.
        assert threads() <= 5 + 20
        assert calls.end(time.monotonic() + 30) == 0

    asyncio.run(main())


def test_short_calls_come_to_need_few_threads() -> None:
    async def main() -> None:
        calls = make_calls(asyncio.get_running_loop(), idle_seconds=0.2)
        deadline = time.monotonic() + 30
        # The first batch may start one for each; threads that are not needed end although there are calls all the time.
        while (alive := threads()) > 4 or not alive:
            assert time.monotonic() < deadline
            await asyncio.gather(*(put(calls, int, "1") for _ in range(32)))
        assert calls.end(time.monotonic() + 30) == 0

    asyncio.run(main())


def test_end_tells_of_threads_that_are_busy() -> None:
    async def main() -> None:
        calls = make_calls(asyncio.get_running_loop())
        gate = threading.Event()
        future = put(calls, gate.wait, 30)
        assert calls.end(time.monotonic() + 0.05) == 1
        gate.set()
        assert calls.end(time.monotonic() + 30) == 0
        assert await asyncio.wait_for(future, 30) is True

    asyncio.run(main())
