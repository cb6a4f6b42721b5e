"""Serves a framework's app for the tests: with turbo-shard, or with a server that checks the tests themselves.

    REFERENCE_SERVER=1 .venv/bin/python -m pytest tests/frameworks/test_fastapi_http.py

runs them against uvicorn (ASGI) or gunicorn's threads (WSGI), once `pip install uvicorn gunicorn` was done by hand:
a failure there is a fault of the test. Never set in CI.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from websockets.sync.client import ClientConnection, connect

import wire
from places import APPS
from server_process import ServerProcess
from waiting import TIMEOUT_S, wait_until

type Interface = Literal["asgi", "wsgi"]

IS_REFERENCE = bool(os.environ.get("REFERENCE_SERVER"))

_REFERENCE_READY = re.compile(
    r"(?:Uvicorn running on|Listening at:) (?P<url>http://\S+):(?P<port>\d+)"
)


class Marks:
    """The test's side of tests/apps/marks.py."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, name: str) -> None:
        (self.folder / name).touch()

    def is_left(self, name: str) -> bool:
        return (self.folder / name).exists()

    def wait_for(self, name: str) -> None:
        wait_until(lambda: self.is_left(name), f"the app to leave the mark {name}")

    def count(self, prefix: str) -> int:
        return sum(1 for path in self.folder.iterdir() if path.name.startswith(prefix))


class ReferenceServer(ServerProcess):
    """uvicorn or gunicorn instead of turbo-shard."""

    def __init__(self, app: str, interface: Interface, app_dir: Path, **settings: object) -> None:
        super().__init__(app, app_dir=app_dir, **settings)  # type: ignore[arg-type]
        if interface == "asgi":
            options = [app, "--app-dir", str(app_dir), "--port", "0"]
            self.arguments = [sys.executable, "-m", "uvicorn", *options]
        else:
            options = [app, "--chdir", str(app_dir), "--bind", "127.0.0.1:0"]
            threads = ["--worker-class", "gthread", "--threads", "8", "--no-control-socket"]
            self.arguments = [sys.executable, "-m", "gunicorn", *threads, *options]

    def ready_or_dead(self) -> re.Match[str] | bool:
        for line in list(self.lines):
            if match := _REFERENCE_READY.search(line):
                return match
        return self.process.poll() is not None and not self.reader.is_alive()

    def stop(self) -> int:
        status = super().stop()
        # uvicorn hands the signal on to its own process once it has shut down.
        return 0 if status == -signal.SIGTERM else status


def framework_server(
    app: str,
    arm_options: tuple[str, ...],
    marks: Marks,
    interface: Interface,
    *options: str,
    app_dir: Path = APPS,
    **variables: str,
) -> ServerProcess:
    """The server of one arm, not yet started: two shards show what they must not share."""
    variables = {"MARKS_DIR": str(marks.folder), **variables}
    if IS_REFERENCE:
        return ReferenceServer(app, interface, app_dir, variables=variables)
    return ServerProcess(
        app, *arm_options, "--shards", "2", *options, app_dir=app_dir, variables=variables
    )


def websocket(
    server: ServerProcess, target: str, **options: object
) -> AbstractContextManager[ClientConnection]:
    url = f"{server.url.replace('http', 'ws', 1)}{target}"
    options = {"open_timeout": TIMEOUT_S, "close_timeout": TIMEOUT_S, "proxy": None} | options
    if server.is_secured:
        options = {"ssl": wire.trusting("http/1.1")} | options
    return connect(url, **options)  # type: ignore[arg-type]
