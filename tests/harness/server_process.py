"""The real server as a subprocess: started on a free port, waited for, stopped by SIGTERM, its exit status checked.

Ends only the process that it started.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

import wire
from places import APPS, COMMAND
from turbo_shard.settings import OPTIONS
from waiting import TIMEOUT_S, wait_until

COMMON_VARIABLES = {option.common_variable for option in OPTIONS}
READY_LINE = re.compile(
    r"^turbo-shard ready on (?:(?P<url>https?://\S+):(?P<port>\d+)|unix:(?P<path>\S+)) \(pid (?P<pid>\d+)\)$"
)


_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", re.MULTILINE)


def without_times(line: str) -> str:
    """A line of the server's log, or several, without the time of each."""
    return _TIME.sub("", line)


def environment(**variables: str) -> dict[str, str]:
    """Our environment without variables that would configure a server, and with those that a test wants."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TURBO_SHARD_", "PYTHON_GIL")) and name not in COMMON_VARIABLES
    }
    # An app that is served from elsewhere must not find a module of tests/.
    plain.pop("PYTHONPATH", None)
    return plain | variables


def is_worker(pid: str) -> bool:
    """Whether this child of a server serves too; an app may have children of its own."""
    try:
        return b"turbo_shard.process_mode.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


def run_command(
    *arguments: str, cwd: Path | None = None, timeout_s: float = TIMEOUT_S, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command that does not serve to its end."""
    return subprocess.run(
        [str(COMMAND), *arguments],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout_s,
    )


class ServerProcess:
    """One server, from `start` to `stop`. What it writes on stderr is collected in `log`."""

    def __init__(
        self,
        app: str,
        *options: str,
        app_dir: Path = APPS,
        port: int = 0,
        command: tuple[str, ...] = (str(COMMAND),),
        variables: dict[str, str] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """`prepare` runs in the child, before it becomes the command."""
        self.prepare = prepare
        # Descriptors that the server is started with, under the same numbers.
        self.pass_fds: tuple[int, ...] = ()
        # Where several places to listen are given, the port is theirs.
        place = () if "--bind" in options else ("--port", str(port))
        further = wire.server_options(options)
        self.arguments = [*command, app, "--app-dir", str(app_dir), *place, *options, *further]
        # By TEST_OVER, and not by the test itself: then clients need not know of it.
        self.is_secured = bool(further)
        self.variables = variables or {}
        self.lines: list[str] = []
        self.url = ""
        # Of a server whose first place is a Unix socket.
        self.path = ""
        self.host = ""
        self.port = port

    def start(self) -> Self:
        """Starts the server and waits until every shard serves."""
        self.launch()
        return self.wait_until_ready()

    def wait_until_ready(self) -> Self:
        """After `launch`; several servers can start side by side."""
        try:
            ready = wait_until(self.ready_or_dead, "the ready line")
        except TimeoutError:
            self.process.kill()
            self.wait()
            raise RuntimeError(f"the server did not become ready:\n{self.log}") from None
        if not isinstance(ready, re.Match):
            raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log}")
        if ready["path"] is not None:
            self.path = ready["path"]
            return self
        self.url = f"{ready['url']}:{ready['port']}"
        self.host = ready["url"].partition("://")[2].strip("[]")
        self.port = int(ready["port"])
        return self

    def launch(self) -> None:
        """Starts the process only."""
        self.process = subprocess.Popen(
            self.arguments,
            env=environment(**self.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # Its own group: a Ctrl-C in the terminal of the tests is not meant for it.
            start_new_session=True,
            preexec_fn=self.prepare,
            pass_fds=self.pass_fds,
        )
        # Reads all the time, so a talkative server never waits for room in the pipe.
        self.reader = threading.Thread(target=self.collect, daemon=True)
        self.reader.start()

    def collect(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def ready_or_dead(self) -> re.Match[str] | bool:
        for line in list(self.lines):
            if match := READY_LINE.match(line):
                return match
        return self.process.poll() is not None and not self.reader.is_alive()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def serving_pids(self) -> list[int]:
        """The processes that answer: the workers of mode process, or the server itself."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        workers = [int(child) for child in children if is_worker(child)]
        return workers or [self.pid]

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """Waits for the end of the process and of its output; returns the exit status."""
        status = self.process.wait(timeout_s)
        self.reader.join(timeout_s)
        if self.reader.is_alive():
            raise TimeoutError("the server has ended, and a child of it still has its stderr")
        return status

    def stop(self) -> int:
        """Asks the server to stop, as a service manager does."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def connect(self) -> socket.socket:
        connection = socket.create_connection((self.host, self.port), timeout=TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.is_secured:
            context = wire.trusting("http/1.1")
            return context.wrap_socket(connection, server_hostname="localhost")
        return connection

    def client(self) -> httpx.Client:
        settings = wire.httpx_settings()
        # As browsers do; over TLS Django asks for it.
        settings["headers"] = {"Referer": f"{self.url}/"} if self.is_secured else {}
        return httpx.Client(base_url=self.url, timeout=TIMEOUT_S, trust_env=False, **settings)

    def get(self, target: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """On a connection of its own."""
        with self.client() as client:
            return client.get(target, headers=headers)

    @property
    def scheme(self) -> str:
        return self.url.partition("://")[0]

    def refuses_connections(self) -> bool:
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        status = self.stop()
        # A failure inside the block says more.
        if kind is None and status != 0:
            raise AssertionError(f"the server ended with {status}:\n{self.log}")


# What the fixture start_server gives: (app, *options, **settings) -> a started server.
type StartServer = Callable[..., ServerProcess]
