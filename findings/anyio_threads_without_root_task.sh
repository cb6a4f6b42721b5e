#!/usr/bin/env bash
# anyio 4.16.0 on asyncio keeps its worker threads for a "root task". Under asyncio.run() that is the main task, and
# threads are used again. A loop that is driven by run_forever() with tasks made by create_task(), as a server does, has
# no main task: each call takes its own task for the root, and its thread ends with that task. Eight calls in a row, one
# task each, then start eight threads, where asyncio.run() needs one.
#
# Seen: asyncio.run: 1 thread for 8 calls
#       run_forever: 8 threads for 8 calls
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check anyio==4.16.0 idna==3.20 typing_extensions==4.16.0
found=$("$work/venv/bin/python" - <<'PYTHON'
import asyncio
import threading

from anyio import to_thread

CALLS = 8


def call():
    # The object and not its number, which the system gives to the next thread too.
    return to_thread.run_sync(threading.current_thread)


async def in_tasks():
    return [await asyncio.create_task(call()) for _ in range(CALLS)]


def without_main_task():
    loop = asyncio.new_event_loop()
    threads = []

    def start():
        loop.create_task(call()).add_done_callback(ended)

    def ended(task):
        threads.append(task.result())
        loop.call_soon(start if len(threads) < CALLS else loop.stop)

    loop.call_soon(start)
    loop.run_forever()
    loop.close()
    return threads


for name, threads in (("asyncio.run", asyncio.run(in_tasks())), ("run_forever", without_main_task())):
    number = len({id(thread) for thread in threads})
    print(f"{name}: {number} thread{'s' * (number != 1)} for {len(threads)} calls")
PYTHON
)
echo "anyio 4.16.0"
echo "$found"
[ "$found" = "asyncio.run: 1 thread for 8 calls
run_forever: 8 threads for 8 calls" ]
