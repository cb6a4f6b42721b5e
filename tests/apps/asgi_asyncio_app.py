"""An ASGI app that uses asyncio and anyio in every way an app may; /do/NAME is a function here that reports what it
saw."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
from asgi_stage import Acts, Call, Message, Receive, Send, told

if os.environ.get("INSTALL_UVLOOP"):
    import uvloop  # type: ignore[import-not-found]

    uvloop.install()

act = Acts()
visitor = contextvars.ContextVar("visitor", default="nobody")
logging.basicConfig(stream=sys.stderr)


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    call = Call(scope, receive, send)
    found = act.find(scope["path"])
    assert found is not None
    await found(call)


@act
async def loop(call: Call) -> None:
    """Before and after a wait; the first call ends before the loop has its turn."""
    seen: list[Any] = []
    for _ in range(2):
        running = asyncio.get_running_loop()
        task = asyncio.current_task()
        seen.append((task in asyncio.all_tasks(), running.is_running(), id(task), id(running)))
        await asyncio.sleep(0)
    first, second = seen
    name = threading.current_thread().name
    await call.answer_literal({"same": first == second, "seen": first[:2], "thread": name})


@act
async def never_waits(call: Call) -> None:
    task = asyncio.current_task()
    running = asyncio.get_running_loop() is asyncio.get_event_loop()
    await call.answer_literal({"has_task": task is not None, "has_loop": running})


@act
async def task_group(call: Call) -> None:
    """Children that succeed, and a group whose child fails."""
    results: list[int] = []

    async def child(number: int) -> None:
        # Rounds of the loop and no time: a busy machine may take longer to start the next child than this one sleeps.
        for _ in range(number):
            await asyncio.sleep(0)
        results.append(number)

    async with asyncio.TaskGroup() as group:
        for number in (3, 1, 2):
            group.create_task(child(number))
    cancelled: list[bool] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def failing() -> None:
        await asyncio.sleep(0)
        raise LookupError("on purpose")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(forever())
            group.create_task(failing())
    except* LookupError as errors:
        results.append(len(errors.exceptions))
    await call.answer_literal((results, cancelled))


@act
async def timeouts(call: Call) -> None:
    seen = []
    try:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)
    except TimeoutError:
        seen.append("timeout")
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.001)
    except TimeoutError:
        seen.append("wait_for")
    try:
        async with asyncio.timeout(60):
            await asyncio.shield(asyncio.sleep(0.001))
        seen.append("in time")
    except TimeoutError:
        seen.append("late")
    await call.answer_literal(seen)


@act
async def threads(call: Call) -> None:
    here = threading.get_ident()
    running = asyncio.get_running_loop()
    visitor.set("somebody")
    there = await asyncio.to_thread(lambda: (threading.get_ident() != here, visitor.get()))
    executor = await running.run_in_executor(None, threading.get_ident) != here
    told_by: asyncio.Future[str] = running.create_future()
    thread = threading.Thread(
        target=running.call_soon_threadsafe, args=(told_by.set_result, "by a thread")
    )
    thread.start()
    submitted = asyncio.to_thread(
        lambda: asyncio.run_coroutine_threadsafe(echo("submitted"), running).result(30)
    )
    await call.answer_literal((there, executor, await told_by, await submitted))


async def echo(word: str) -> str:
    await asyncio.sleep(0)
    return word


@act
async def with_anyio(call: Call) -> None:
    seen: list[Any] = []

    async def child(number: int, *, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
        task_status.started(number)
        for _ in range(number):
            await anyio.sleep(0)
        seen.append(number)

    async with anyio.create_task_group() as group:
        group.start_soon(child, 2)
        seen.append(("started", await group.start(child, 1)))
    with anyio.move_on_after(0.001) as scope:
        await anyio.sleep_forever()
    seen.append(scope.cancelled_caught)
    try:
        with anyio.fail_after(0.001):
            await anyio.sleep_forever()
    except TimeoutError:
        seen.append("late")
    with anyio.CancelScope() as outer:
        outer.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.001)
            seen.append("shielded")
        await anyio.sleep_forever()
    here = threading.get_ident()

    def work() -> tuple[bool, str]:
        word = anyio.from_thread.run(echo, "from a thread")
        return threading.get_ident() != here, word + anyio.from_thread.run_sync(str, "!")

    seen.append(await anyio.to_thread.run_sync(work))
    sender, receiver = anyio.create_memory_object_stream[int](1)
    async with anyio.create_task_group() as group:
        group.start_soon(sender.send, 7)
        seen.append(await receiver.receive())
    sender.close()
    receiver.close()
    await call.answer_literal(seen)


@act
async def subprocess(call: Call) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "print(input().upper())",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    written, _ = await child.communicate(b"word\n")
    await call.answer_literal((child.returncode, written))


@act
async def streams(call: Call) -> None:
    async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(upper, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        lines = []
        for word in (b"one\n", b"two\n" * 10_000):
            writer.write(word)
            lines.append(len(await reader.readexactly(len(word))))
        writer.close()
        await writer.wait_closed()
    await call.answer_literal(lines)


@act
async def readers(call: Call) -> None:
    """Watches descriptors without streams, more than one callback each, and takes them off again."""
    running = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    seen: list[bytes] = []
    done = asyncio.Event()

    def readable() -> None:
        seen.append(ours.recv(100))
        if len(seen) == 3:
            running.remove_reader(ours)
            done.set()

    def writable() -> None:
        theirs.send(b"x")
        if len(seen) >= 2:
            running.remove_writer(theirs)

    with ours, theirs:
        running.add_reader(ours, readable)
        running.add_writer(theirs, writable)
        async with asyncio.timeout(30):
            await done.wait()
        running.remove_writer(theirs)
        received = await running.sock_recv(ours, 100) if not seen else b"".join(seen)
    await call.answer_literal(set(received) == set(b"x"))


@act
async def context(call: Call) -> None:
    before = visitor.get()
    visitor.set(call.query["name"])
    await asyncio.sleep(0.001)
    child = await asyncio.create_task(look())
    await call.answer_literal((before, child, visitor.get()))


async def look() -> str:
    await asyncio.sleep(0)
    return visitor.get()


@act
async def cancelled_when_left(call: Call) -> None:
    """Works until the client leaves: a task listens for that and ends the group."""

    class Left(Exception):
        pass

    async def listen() -> None:
        while (await call.receive())["type"] != "http.disconnect":
            pass
        raise Left

    async def work() -> None:
        try:
            call.note("working")
            await asyncio.Event().wait()
        finally:
            call.note("cancelled")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(listen())
            group.create_task(work())
    except* Left:
        call.note("left")


@act
async def broken_callback(call: Call) -> None:
    """An exception in a callback goes to the loop's handler, or to the log without one."""
    running = asyncio.get_running_loop()
    handled: asyncio.Future[str] = running.create_future()

    def handle(_loop: Any, context: dict[str, Any]) -> None:
        handled.set_result(repr(context["exception"]))

    def broken() -> None:
        raise LookupError("in a callback")

    running.set_exception_handler(handle)
    running.call_soon(broken)
    seen = await handled
    running.set_exception_handler(None)
    running.call_soon(broken)
    await asyncio.sleep(0)
    await call.answer_literal(seen)


@act
async def slow_callback(call: Call) -> None:
    running = asyncio.get_running_loop()
    running.slow_callback_duration = 0.01
    held: asyncio.Future[None] = running.create_future()

    def hold() -> None:
        time.sleep(0.02)
        held.set_result(None)

    running.call_soon(hold)
    await held
    await call.answer_literal(running.get_debug())


@act
async def signal_handler(call: Call) -> None:
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    try:
        loop.add_signal_handler(signal.SIGUSR1, arrived.set)
    except RuntimeError as error:
        await call.answer_literal(told(error))
        return
    os.kill(os.getpid(), signal.SIGUSR1)
    await arrived.wait()
    loop.remove_signal_handler(signal.SIGUSR1)
    await call.answer_literal("told of SIGUSR1")


@act
async def stop_handler(call: Call) -> None:
    try:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)
    except RuntimeError as error:
        await call.answer_literal(told(error))


@act
async def policy(call: Call) -> None:
    kind = type(asyncio.get_event_loop_policy()).__module__
    await call.answer_literal((kind, type(asyncio.get_running_loop()).__module__))
