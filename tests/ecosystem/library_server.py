"""Servers for apps that use real libraries, in the environment that scripts/install_ecosystem.sh makes."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

import httpx

from places import ROOT
from server_process import ServerProcess
from waiting import TIMEOUT_S, wait_until

HOME = ROOT / "target/ecosystem"
COMMAND = (str(HOME / "venv/bin/python"), "-m", "turbo_shard")
REDIS = HOME / "redis/usr/bin/redis-server"
APPS = Path(__file__).resolve().parent / "apps"

# New connections, each led to one shard or the other: all of them meet the same one once in 32,768 times.
ASKED = 16


class Way(NamedTuple):
    """How an app is served."""

    name: str
    options: tuple[str, ...]
    # Threads or processes that serve.
    shards: int = 2
    is_one_process: bool = True

    def __str__(self) -> str:
        return self.name


TWO_SHARDS = Way("two-shards", ("--shards", "2"))
ONE_SHARD = Way("one-shard", ("--shards", "1"), shards=1)
PROCESSES = Way("processes", ("--mode", "process", "--shards", "2"), is_one_process=False)
WAYS = (TWO_SHARDS, ONE_SHARD, PROCESSES)

type Serve = Callable[..., ServerProcess]


def serve(
    app: str, way: Way, *options: str, tmp_path: Path, app_dir: Path = APPS, **variables: str
) -> ServerProcess:
    """The server, not yet started. DATABASE and EVENTS name files that the app may use."""
    files = {"DATABASE": str(tmp_path / "database"), "EVENTS": str(tmp_path / "events")}
    return ServerProcess(
        app,
        *way.options,
        *options,
        app_dir=app_dir,
        command=COMMAND,
        variables=files | variables,
    )


def ask(server: ServerProcess, target: str, times: int = ASKED) -> list[httpx.Response]:
    """Answers to so many requests, each on a connection of its own."""
    answers = []
    for number in range(times):
        with server.client() as client:
            answers.append(client.get(target.format(number)))
    assert [answer.status_code for answer in answers] == [200] * times, server.log
    return answers


def post(server: ServerProcess, target: str, **settings: object) -> httpx.Response:
    with server.client() as client:
        answer = client.post(target, **settings)  # type: ignore[arg-type]
    assert answer.status_code == 200, (answer.text, server.log)
    return answer


class Redis:
    """A redis-server of the test's own, which stores nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0

    def __enter__(self) -> Self:
        # Redis cannot tell which port the kernel gave it. If another program takes this one first, it does not start.
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            self.port = held.getsockname()[1]
        libraries = REDIS.parent.parent / "lib/x86_64-linux-gnu"
        self.process = subprocess.Popen(
            [str(REDIS), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self.folder,
            env=os.environ | {"LD_LIBRARY_PATH": str(libraries)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        wait_until(self.listens, "redis-server to listen")
        return self

    def listens(self) -> bool:
        assert self.process.poll() is None, "redis-server has ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S).close()
        except ConnectionRefusedError:
            return False
        return True

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        self.process.wait(TIMEOUT_S)
