"""One server under test: started in a process group of its own, waited for, stopped. Does not know what it serves.

Ends only processes that it started, and leaves none of them behind: the group is ended as a whole, and the kernel ends
the server if the benchmark itself is killed.
"""

from __future__ import annotations

import ctypes
import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from ..command_text import command_line, without_traces
from . import procfs

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.001
LOG_BYTES_MAX = 1 << 20
READY_LINE = re.compile(r" ready on https?://127\.0\.0\.1:(?P<port>\d+)\b")
# Stands for the port in the command of a server that cannot choose one itself.
PORT = "{port}"
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class ServerFailed(Exception):
    """The server did not start, or ended on its own. Its text is short and has the end of the server's log."""

    def __init__(self, text: str, exit_status: int | None = None) -> None:
        super().__init__(without_traces(text))
        self.exit_status = exit_status


class Server:
    """A server from `with` to its end. Its port is read from its ready line, or chosen here for the word {port}.

    It runs in `directory`, by default the current one, without those of our environment variables that begin with one
    of `without_variables`.
    """

    def __init__(
        self,
        command: Iterable[str],
        cores: Iterable[int],
        *,
        directory: Path | None = None,
        without_variables: tuple[str, ...] = (),
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self.command = list(command)
        self.cores = sorted(cores)
        self.directory = directory or Path.cwd()
        self.without_variables = without_variables
        self.start_timeout_s = start_timeout_s
        self.port = 0
        self.started_at = 0.0
        self.exit_status: int | None = None
        # Open for as long as this object lives: the log is still read after the end.
        self.log = tempfile.TemporaryFile()  # noqa: SIM115

    def __enter__(self) -> Self:
        try:
            self._launch()
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pids(self) -> list[int]:
        """The server's processes; it leads their group."""
        return procfs.group_members(self.process.pid)

    def log_text(self) -> str:
        # The server writes at the position that it shares with us, so that must not move.
        return os.pread(self.log.fileno(), LOG_BYTES_MAX, 0).decode(errors="replace")

    @property
    def _is_given_a_port(self) -> bool:
        return any(PORT in word for word in self.command)

    def _launch(self) -> None:
        command = self.command
        if self._is_given_a_port:
            self.port = free_port()
            command = [word.replace(PORT, str(self.port)) for word in command]
        if shutil.which(self.directory / command[0]) is None and shutil.which(command[0]) is None:
            raise ServerFailed(f"{command[0]} does not exist")
        self.started_at = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            cwd=self.directory,
            env=environment(self.without_variables),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            # Its own group: Ctrl-C is for the benchmark, which then ends it.
            start_new_session=True,
            preexec_fn=self._before_exec,
        )

    def _before_exec(self) -> None:
        os.sched_setaffinity(0, self.cores)
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.start_timeout_s
        while not self._is_ready():
            if self._has_ended():
                raise ServerFailed(self._complaint("ended before it was ready"), self._status())
            if time.monotonic() > deadline:
                raise ServerFailed(
                    self._complaint(f"was not ready after {self.start_timeout_s:g} s")
                )
            time.sleep(POLL_INTERVAL_S)

    def _is_ready(self) -> bool:
        if self._is_given_a_port:
            return answers(self.port)
        match = READY_LINE.search(self.log_text())
        if match:
            self.port = int(match["port"])
        return match is not None

    def _has_ended(self) -> bool:
        # Leaves the process as it is: until it is reaped, its number is not given to another one.
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process.pid, options) is not None

    def _status(self) -> int:
        result = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        if result is None:
            return 0
        return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status

    def _complaint(self, text: str) -> str:
        lines = [line for line in self.log_text().splitlines() if line.strip()]
        return f"{Path(self.command[0]).name} {text}: " + " | ".join(lines[-4:])

    def _end(self) -> None:
        process = getattr(self, "process", None)
        if process is None or self.exit_status is not None:
            return
        try:
            if not self._has_ended():
                process.send_signal(signal.SIGTERM)
                deadline = time.monotonic() + STOP_TIMEOUT_S
                while not self._has_ended() and time.monotonic() < deadline:
                    time.sleep(POLL_INTERVAL_S)
        finally:
            # Still unreaped, so the group's number can mean no one else.
            os.killpg(process.pid, signal.SIGKILL)
            self.exit_status = process.wait()

    def __str__(self) -> str:
        return command_line(self.command)


def environment(without: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(without)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether a server answers there. A listening socket is not enough: behind it may be a parent whose workers are
    still to come, and would not be counted."""
    # We read to the end and then close the connection: some servers take another end badly.
    return answers_to(http.client.HTTPConnection("127.0.0.1", port, timeout=1)) or answers_to(
        http.client.HTTPSConnection("127.0.0.1", port, timeout=1, context=without_trust())
    )


def answers_to(asking: http.client.HTTPConnection) -> bool:
    try:
        asking.request("GET", "/")
        asking.getresponse().read()
    except http.client.RemoteDisconnected:
        return False
    except http.client.HTTPException:
        # It answered.
        return True
    except OSError:
        return False
    finally:
        asking.close()
    return True


def without_trust() -> ssl.SSLContext:
    """For a server of ours on this machine, whose certificate nobody has signed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
