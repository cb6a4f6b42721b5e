"""A worker process as its supervisor sees it: start, messages both ways, end. Knows nothing of the others."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

from .messages import PACKET_BYTES_MAX, News, Order

# The working directory's modules must not stand in for Python's own; the order then says where to look for modules.
START = """\
import sys
fd, directory = sys.argv[1:]
sys.path[:] = [*filter(None, sys.path), directory]
from turbo_shard.process_mode.worker import main
sys.exit(main(int(fd)))
"""
PACKAGE_PARENT = str(Path(__file__).parents[2])
# Options of the interpreter that take the next argument as their value.
FLAGS_WITH_VALUE = ("-X", "-W", "--check-hash-based-pycs")
# For a process that other code has waited for: only that knows how it ended.
STATUS_UNKNOWN = 1


class WorkerProcess:
    """One process, from its start to its end."""

    def __init__(self, order: Order) -> None:
        self.number = order.worker
        self.started_at = time.monotonic()
        self.is_ready = False
        # When it last said that its event loop turns.
        self.turned_at = self.started_at
        # When it is ended by force.
        self.kill_at: float | None = None
        # Its own words about its end.
        self.failure: News | None = None
        self.returncode: int | None = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            # Sent before the process exists, so that neither waits for the other.
            ours.send(order.packet())
            listeners = [listener.fd for listener in order.listeners]
            self.pid = spawn(theirs.fileno(), listeners, order.tls_fd)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            if order.tls_fd >= 0:
                os.close(order.tls_fd)
        self.link = ours
        self.is_linked = True

    def tell(self, word: bytes) -> None:
        # Its end is noticed elsewhere.
        with contextlib.suppress(OSError):
            self.link.send(word)

    def news(self) -> list[News]:
        """What it has said since the last time."""
        heard: list[News] = []
        while self.is_linked:
            try:
                packet = self.link.recv(PACKET_BYTES_MAX)
            except BlockingIOError:
                break
            except OSError:
                packet = b""
            if not packet:
                self.is_linked = False
                break
            # The app has the descriptor too; what it may write there must not end the supervisor.
            with contextlib.suppress(ValueError, TypeError):
                heard.append(News.read(packet))
        return heard

    def has_ended(self) -> bool:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self.returncode = STATUS_UNKNOWN
            else:
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode is not None

    def kill(self) -> None:
        """The process is a child that has not been waited for, so its number is still its own."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)

    def end(self) -> None:
        """Ends it for good, and waits for that."""
        self.kill()
        self.close()
        if self.returncode is None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)

    def close(self) -> None:
        self.is_linked = False
        self.link.close()

    def end_in_words(self) -> str:
        """`SIGKILL`, `exit status 7`, or the worker's own words."""
        if self.failure is not None:
            return self.failure.message
        code = self.returncode or 0
        return f"exit status {code}" if code >= 0 else signal_name(-code)

    def age_s(self) -> float:
        return time.monotonic() - self.started_at


def spawn(link_fd: int, listener_fds: list[int], tls_fd: int) -> int:
    """Starts a worker, which inherits only these descriptors and the standard ones.

    Started as a new program and not forked: the caller of `serve()` may have threads.
    """
    inherited = (link_fd, *listener_fds, *([tls_fd] if tls_fd >= 0 else []))
    for fd in inherited:
        os.set_inheritable(fd, True)
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, *interpreter_flags(), "-c", START, str(link_fd), PACKAGE_PARENT],
            os.environ,
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1],
            # These wait until the worker has handlers for them.
            setsigmask={
                *signal.pthread_sigmask(signal.SIG_BLOCK, ()),
                signal.SIGINT,
                signal.SIGUSR1,
            },
        )
    finally:
        for fd in listener_fds:
            os.set_inheritable(fd, False)


def interpreter_flags() -> list[str]:
    """The options of this Python before the name of its program, such as `-X gil=0` or `-O`."""
    flags: list[str] = []
    given = iter(sys.orig_argv[1:])
    for argument in given:
        if not argument.startswith("-") or argument in ("-", "--") or is_program(argument):
            break
        flags.append(argument)
        if argument in FLAGS_WITH_VALUE:
            flags.append(next(given, ""))
    return flags


def is_program(argument: str) -> bool:
    """`-c` and `-m`, also at the end of other letters (`-Im`); what follows is no longer an option."""
    if argument.startswith(("--", "-X", "-W")):
        return False
    return "c" in argument or "m" in argument


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
