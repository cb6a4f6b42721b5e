"""An ASGI app at the edges of its process: blocks, forks, starts programs, fails, and tells where descriptors lead."""

import asyncio
import logging
import multiprocessing
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

GATES = Path(os.environ["GATE_DIR"])
CHILDREN: list = []
CHILD_SLEEPS_S = 60
BIG = 8 << 20


def sleep_in_child():
    time.sleep(CHILD_SLEEPS_S)


def forked():
    child = multiprocessing.get_context("fork").Process(target=sleep_in_child, daemon=False)
    child.start()
    CHILDREN.append(child)
    return child.pid


def os_forked():
    pid = os.fork()
    if pid == 0:
        sleep_in_child()
        os._exit(0)
    return pid


def comes_back():
    """The child returns from the handler, which no app should do."""
    return os.fork()


def started(close_fds):
    child = subprocess.Popen(["sleep", str(CHILD_SLEEPS_S)], close_fds=close_fds)
    CHILDREN.append(child)
    return child.pid


MAKE_CHILD = {
    "/fork": forked,
    "/os-fork": os_forked,
    "/comes-back": comes_back,
    "/popen": lambda: started(True),
    "/popen-open": lambda: started(False),
}


def has_gone(pid):
    """The exit status of a child that only this handler waits for."""
    found, _ = os.waitpid(pid, os.WNOHANG)
    return found == pid


def standard_streams():
    with suppress(OSError, ValueError):
        print("printed by the app")
        print("printed on stderr", file=sys.stderr)
    subprocess.run(["sh", "-c", "echo from a child; echo and on stderr >&2"], check=True)
    return "\n".join(os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2))


async def answer(send, text, status=200):
    body = text if isinstance(text, bytes) else str(text).encode()
    length = str(len(body)).encode()
    headers = [(b"content-length", length)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        if os.environ.get("LOGGING"):
            logging.basicConfig(level="INFO")
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    path = scope["path"]
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            if message.get("text") == "fork":
                await send({"type": "websocket.send", "text": str(os_forked())})
            elif message.get("text") == "return":
                return
            else:
                await send({"type": "websocket.send", "text": message["text"]})
        return
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        if not message["more_body"]:
            break
    if path == "/hold":
        (GATES / "holds").touch()
        while not (GATES / "go on").exists():
            time.sleep(0.005)
        await answer(send, "held")
    elif path == "/big":
        await answer(send, b"b" * BIG)
    elif path == "/raise":
        raise RuntimeError("x" * 4000)
    elif path in MAKE_CHILD:
        await answer(send, MAKE_CHILD[path]())
    elif path == "/has-gone":
        await answer(send, has_gone(int(scope["query_string"])))
    elif path == "/streams":
        await answer(send, standard_streams())
    elif path == "/sleep":
        await asyncio.sleep(0.01)
        await answer(send, size)
    else:
        await answer(send, size)
