"""Routes that use asyncio in every way that an app may, and answer with what they saw."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread

from turbo_shard import App, StreamingResponse

app = App()

visitor = contextvars.ContextVar("visitor", default="nobody")
background_done = threading.Event()


@app.get("/loop")
async def loop() -> dict[str, Any]:
    running = asyncio.get_running_loop()
    await asyncio.sleep(0)
    return {
        "same_loop": asyncio.get_running_loop() is running,
        "is_running": running.is_running(),
        "in_task": asyncio.current_task() in asyncio.all_tasks(),
        "thread": threading.current_thread().name,
    }


@app.get("/loop/never-waits")
async def loop_of_a_coroutine_that_never_waits() -> dict[str, Any]:
    return {
        "is_running": asyncio.get_running_loop().is_running(),
        "task": asyncio.current_task() is not None,
    }


@app.get("/sync/loop")
def sync_loop() -> dict[str, Any]:
    """A plain function has no running loop, so it may run one of its own."""
    try:
        asyncio.get_running_loop()
        has_loop = True
    except RuntimeError:
        has_loop = False

    async def own() -> str:
        await asyncio.sleep(0.001)
        return "own loop"

    return {"has_loop": has_loop, "run": asyncio.run(own())}


@app.get("/timers")
async def timers() -> list[int]:
    """Timers set out of order, and one cancelled."""
    running = asyncio.get_running_loop()
    fired: list[int] = []
    for milliseconds in (30, 10, 20, 1, 25):
        running.call_later(milliseconds / 1000, fired.append, milliseconds)
    running.call_later(0.005, fired.append, 5).cancel()
    await asyncio.sleep(0.04)
    return fired


@app.get("/sleeps/{count}")
async def sleeps(count: int) -> dict[str, int]:
    """Sleeps of 10 ms that overlap, or `elapsed` would be their sum."""
    running = asyncio.get_running_loop()
    began = running.time()
    await asyncio.gather(*(asyncio.sleep(0.01) for _ in range(count)))
    return {"elapsed_ms": int((running.time() - began) * 1000)}


@app.get("/timeout")
async def timeout() -> str:
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
    except TimeoutError:
        return "timed out"
    return "slept"


@app.get("/to-thread")
async def to_thread() -> dict[str, bool]:
    here = threading.get_ident()
    there = await asyncio.to_thread(threading.get_ident)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        elsewhere = await asyncio.get_running_loop().run_in_executor(pool, threading.get_ident)
    return {"other_threads": here not in (there, elsewhere)}


@app.get("/call-soon-threadsafe")
async def call_soon_threadsafe() -> str:
    running = asyncio.get_running_loop()
    told: asyncio.Future[str] = running.create_future()

    def tell() -> None:
        running.call_soon_threadsafe(told.set_result, "told by a thread")

    threading.Thread(target=tell).start()
    return await told


@app.get("/subprocess")
async def subprocess() -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print('from a child')", stdout=asyncio.subprocess.PIPE
    )
    written, _ = await child.communicate()
    return {"status": child.returncode, "written": written.decode()}


@app.get("/sockets")
async def sockets() -> str:
    """A server and its client, both on this loop."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"over a socket\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
    return line.decode()


@app.get("/visitor/{name}")
async def set_visitor(name: str) -> dict[str, str]:
    before = visitor.get()
    visitor.set(name)
    await asyncio.sleep(0.001)
    return {"before": before, "after": visitor.get()}


@app.get("/background")
async def background() -> str:
    """Answers before the task that it has started is done."""

    async def work() -> None:
        await asyncio.sleep(0.005)
        background_done.set()

    background_done.clear()
    tasks.add(task := asyncio.create_task(work()))
    task.add_done_callback(tasks.discard)
    return "answered"


tasks: set[asyncio.Task[None]] = set()


@app.get("/background/done", blocking=True)
def is_background_done() -> bool:
    return background_done.wait(10)


@app.get("/exit")
async def leave() -> None:
    await asyncio.sleep(0)
    sys.exit(3)


@app.get("/exit/at-once")
async def leave_at_once() -> None:
    sys.exit(3)


@app.get("/cancelled")
async def cancelled() -> None:
    raise asyncio.CancelledError


@app.get("/lingering")
async def lingering() -> str:
    """Leaves a task and an async generator behind, which the server must end at its own end."""

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            print("the task was cancelled", file=sys.stderr)

    async def count() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            print("the generator was closed", file=sys.stderr)

    tasks.add(asyncio.create_task(wait()))
    generators.append(numbers := count())
    await anext(numbers)
    await asyncio.sleep(0)
    return "left behind"


generators: list[AsyncIterator[int]] = []


@app.get("/stubborn")
async def stubborn() -> str:
    """Leaves a task behind that ignores cancellation."""

    async def wait() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                print("the task stays", file=sys.stderr)

    tasks.add(asyncio.create_task(wait(), name="stubborn"))
    await asyncio.sleep(0)
    return "left behind"


@app.get("/stream/{kind}")
async def stream(kind: str) -> StreamingResponse:
    return StreamingResponse(pieces(kind))


@app.get("/blocking/stream/{kind}", blocking=True)
def blocking_stream(kind: str) -> StreamingResponse:
    """The same from a thread of the blocking pool."""
    return StreamingResponse(pieces(kind))


def pieces(kind: str) -> Iterator[Any] | AsyncIterator[Any]:
    many = [str(number) * 1000 for number in range(1000)]
    mixed = ["text é, ", b"bytes, ", bytearray(b"array, "), memoryview(b"v-i-e-w")[::2], b"", ""]

    async def asynchronously(items: list[Any]) -> AsyncIterator[Any]:
        for number, item in enumerate(items):
            if number % 100 == 0:
                await asyncio.sleep(0)
            yield item

    chosen = many if kind.startswith("many") else mixed
    return asynchronously(chosen) if kind.endswith("async") else iter(chosen)


@app.get("/stream-of-numbers/{kind}")
async def stream_of_numbers(kind: str) -> StreamingResponse:
    async def numbers() -> AsyncIterator[Any]:
        yield b"first"
        yield 2

    return StreamingResponse(numbers() if kind == "async" else iter([b"first", 2]))


@app.get("/stream-until-left")
async def stream_until_left() -> StreamingResponse:
    """Waits, without ever sending, once the first piece has gone; says how it ended."""

    async def waiting() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.001)
            print("the stream was cancelled and has cleaned up", file=sys.stderr)

    return StreamingResponse(waiting())


@app.get("/task-group")
async def task_group() -> list[int]:
    """A group whose child fails cancels the others."""
    ended: list[int] = []

    async def child(number: int) -> None:
        try:
            await asyncio.sleep(0.001 if number < 2 else 60)
        finally:
            ended.append(number)
        raise LookupError(number)

    try:
        async with asyncio.TaskGroup() as group:
            for number in (1, 2):
                group.create_task(child(number))
    except* LookupError as errors:
        ended.append(len(errors.exceptions))
    return ended


@app.get("/anyio")
async def with_anyio() -> list[Any]:
    seen: list[Any] = []
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 0.001)
        with anyio.move_on_after(0.001) as scope:
            await anyio.sleep_forever()
        seen.append(scope.cancelled_caught)
    word = anyio.from_thread.run
    seen.append(await anyio.to_thread.run_sync(lambda: word(anyio.sleep, 0) is None))
    return seen


@app.get("/reader")
async def reader() -> str:
    """Watches a descriptor without a stream."""
    running = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        told: asyncio.Future[bytes] = running.create_future()
        running.add_reader(ours, lambda: told.done() or told.set_result(ours.recv(100)))
        theirs.send(b"over a descriptor")
        received = await told
        running.remove_reader(ours)
    return received.decode()


@app.get("/broken-callback")
async def broken_callback() -> str:
    """What a callback raises goes to the loop's handler."""
    running = asyncio.get_running_loop()
    handled: asyncio.Future[str] = running.create_future()
    running.set_exception_handler(
        lambda _loop, context: handled.set_result(repr(context["exception"]))
    )
    running.call_soon(lambda: 1 // 0)
    try:
        return await handled
    finally:
        running.set_exception_handler(None)


@app.get("/signal-handler")
async def signal_handler() -> str:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    try:
        loop.add_signal_handler(signal.SIGUSR1, told.set)
    except RuntimeError as error:
        return str(error)
    os.kill(os.getpid(), signal.SIGUSR1)
    await told.wait()
    loop.remove_signal_handler(signal.SIGUSR1)
    return "told"
