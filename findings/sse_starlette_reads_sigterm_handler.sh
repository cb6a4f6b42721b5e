#!/usr/bin/env bash
# sse-starlette 3.7.0: an EventSourceResponse without an end learns that its server stops from no ASGI message. It looks
# up the Python handler of SIGTERM and reads should_exit of the object whose method that is, which is uvicorn's Server.
# Under a server that handles the signal in another way, its streams go on until they are cut.
#
# Seen: handler of an object with should_exit: the stream ends when it becomes true
#       handler that is a function: the stream goes on
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check sse-starlette==3.7.0 starlette==1.10.0 \
    anyio==4.16.0 idna==3.20 typing_extensions==4.16.0
cat >"$work/stream.py" <<'PYTHON'
import asyncio
import signal
import sys

from sse_starlette.sse import EventSourceResponse

# It looks twice a second.
PATIENCE_S = 3


class Server:
    should_exit = False

    def handle_exit(self, number, frame):
        pass


async def main(kind):
    server, first_sent = Server(), asyncio.Event()
    signal.signal(signal.SIGTERM, server.handle_exit if kind == "method" else lambda number, frame: None)

    async def events():
        yield {"data": "first"}
        await asyncio.Event().wait()

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        if message.get("body"):
            first_sent.set()

    scope = {"type": "http", "asgi": {"version": "3.0"}, "method": "GET", "path": "/", "headers": []}
    task = asyncio.create_task(EventSourceResponse(events())(scope, receive, send))
    await first_sent.wait()
    server.should_exit = True
    done, waiting = await asyncio.wait({task}, timeout=PATIENCE_S)
    print("the stream ends when it becomes true" if done else "the stream goes on")
    for one in waiting:
        one.cancel()
    await asyncio.gather(task, return_exceptions=True)


asyncio.run(main(sys.argv[1]))
PYTHON
method=$("$work/venv/bin/python" "$work/stream.py" method)
function=$("$work/venv/bin/python" "$work/stream.py" function)
echo "sse-starlette 3.7.0"
echo "handler of an object with should_exit: $method"
echo "handler that is a function: $function"
[ "$method" = "the stream ends when it becomes true" ] && [ "$function" = "the stream goes on" ]
