#!/usr/bin/env bash
# Starlette 1.10.0: a StreamingResponse whose generator waits for its next event (server-sent events do) learns from
# http.disconnect that its client has left. If the scope's spec_version is "2.3", the generator is closed. From "2.4" on
# Starlette does not listen: it relies on send() raising. A generator that waits sends nothing, so it and all that it
# holds stay as long as no event comes.
#
# Seen: spec_version 2.3: ended, generator closed
#       spec_version 2.4: waits on, generator open
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check starlette==1.10.0 anyio==4.16.0 idna==3.20 \
    typing_extensions==4.16.0
found=$("$work/venv/bin/python" - <<'PYTHON'
import asyncio

from starlette.responses import StreamingResponse

# After http.disconnect could be received.
PATIENCE_S = 2


async def outcome(version):
    is_open, first_sent = True, asyncio.Event()
    requests = [{"type": "http.request", "body": b"", "more_body": False}]

    async def events():
        nonlocal is_open
        try:
            yield b"data: first\n\n"
            await asyncio.Event().wait()
        finally:
            is_open = False

    async def receive():
        if requests:
            return requests.pop()
        await first_sent.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message.get("body"):
            first_sent.set()

    asgi = {"version": "3.0", "spec_version": version}
    scope = {"type": "http", "asgi": asgi, "method": "GET", "path": "/", "headers": []}
    task = asyncio.create_task(StreamingResponse(events())(scope, receive, send))
    await first_sent.wait()
    done, waiting = await asyncio.wait({task}, timeout=PATIENCE_S)
    text = f"{'ended' if done else 'waits on'}, generator {'open' if is_open else 'closed'}"
    for one in waiting:
        one.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return f"spec_version {version}: {text}"


async def main():
    for version in ("2.3", "2.4"):
        print(await outcome(version))


asyncio.run(main())
PYTHON
)
echo "starlette 1.10.0"
echo "$found"
[ "$found" = "spec_version 2.3: ended, generator closed
spec_version 2.4: waits on, generator open" ]
