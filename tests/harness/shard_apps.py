"""Small ASGI apps for several shards, installed packages beside them, and an answer of each shard."""

from __future__ import annotations

import json
from pathlib import Path

from raw_http import RawClient
from refused_apps import write
from server_process import ServerProcess
from waiting import wait_until

SHARDS = ("--shards", "2")
CONNECTIONS = 12
INSTALLED = "venv/lib/site-packages"

# An ASGI app without a framework; it sends the result of `answer(path)` as JSON.
SERVE = """\
import json, os, sys, threading
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "venv/lib/site-packages"))

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    body = json.dumps([threading.get_ident(), answer(scope["path"])]).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""


def app_of(folder: Path, source: str, **packages: str) -> None:
    write(folder, "app.py", SERVE + source)
    for name, text in packages.items():
        write(folder, f"{INSTALLED}/{name}/__init__.py", text)


def of_each_shard(server: ServerProcess, path: str = "/", shards: int = 2) -> list[object]:
    """An answer of each shard."""
    answers: dict[int, object] = {}

    def all_answered() -> bool:
        clients = [RawClient(server) for _ in range(CONNECTIONS)]
        for client in clients:
            client.get(path)
        for client in clients:
            answer = client.answer()
            client.socket.close()
            assert answer.status == 200, server.log
            thread, facts = json.loads(answer.body)
            answers[thread] = facts
        return len(answers) == shards

    wait_until(all_answered, "an answer of each shard")
    return list(answers.values())
