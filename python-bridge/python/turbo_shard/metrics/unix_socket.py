"""A Unix socket that answers each connection with one line of JSON and closes it.

Does not know what is answered. Its thread sleeps in accept(2), detached from Python, and wakes for nothing else.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..settings import SettingsError

# The kernel's room for a path: sun_path is 108 bytes with its final NUL.
PATH_BYTES_MAX = 107
# Only the user that started the server (and root) may connect.
MODE = 0o600
BACKLOG = 16
# A reader that does not read holds up the others for this long.
SEND_TIMEOUT_S = 1.0
# Pause between two attempts to accept while no descriptor is left.
ACCEPT_PAUSE_S = 0.2


class StatsSocket:
    """Listens from the start, so that a wrong path is reported at once; answers once it knows what."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.listener = listen(path)
        self.inode = inode_of(self.path)
        self.is_closing = threading.Event()
        self.thread: threading.Thread | None = None

    def start(self, answer: Callable[[], Mapping[str, Any]]) -> None:
        """Answers from now on, on a thread of its own."""
        thread = threading.Thread(
            target=self.accept, args=(answer,), name="stats-socket", daemon=True
        )
        thread.start()
        self.thread = thread

    def accept(self, answer: Callable[[], Mapping[str, Any]]) -> None:
        while not self.is_closing.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                # The end, or no descriptor left; the latter passes.
                self.is_closing.wait(ACCEPT_PAUSE_S)
                continue
            with connection:
                try:
                    connection.settimeout(SEND_TIMEOUT_S)
                    connection.sendall(json.dumps(answer()).encode() + b"\n")
                except OSError:
                    # The client has left, or does not read.
                    pass

    def close(self) -> None:
        """Ends the thread and removes the path, unless another server has taken it."""
        self.is_closing.set()
        # Wakes accept(2).
        self.listener.shutdown(socket.SHUT_RDWR)
        if self.thread is not None:
            self.thread.join(2 * SEND_TIMEOUT_S)
        self.listener.close()
        if self.inode is not None and inode_of(self.path) == self.inode:
            os.unlink(self.path)


def listen(path: str) -> socket.socket:
    """A listening socket at `path`, in the place of a dead server's."""
    refuse_unusable(path)
    remove_dead(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Linux makes the file with the socket's own mode; changing it afterwards would leave a gap.
        os.fchmod(listener.fileno(), MODE)
        listener.bind(path)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise refusal(path, f"cannot be made: {error.strerror}") from None
    return listener


def refuse_unusable(path: str) -> None:
    length = len(os.fsencode(path))
    if length > PATH_BYTES_MAX:
        raise refusal(
            path,
            f"the path has {length} bytes, a Unix socket's may have {PATH_BYTES_MAX}; choose a shorter one",
        )
    directory = os.path.dirname(path) or "."
    if not os.path.isdir(directory):
        raise refusal(path, f"there is no directory {directory!r}; make it first")


def remove_dead(path: str) -> None:
    """Removes what a killed server has left; refuses anything else."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise refusal(path, f"cannot be looked at: {error.strerror}") from None
    if not stat.S_ISSOCK(mode):
        raise refusal(path, "exists and is no socket; choose another path or remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # A live server's queue may be full, which must not hold up this one.
        probe.settimeout(SEND_TIMEOUT_S)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            pass
        except FileNotFoundError:
            return
        except TimeoutError:
            raise refusal(path, "another server listens there; choose another path") from None
        except OSError as error:
            raise refusal(
                path, f"exists and cannot be connected to: {error.strerror}; choose another path"
            ) from None
        else:
            raise refusal(path, "another server listens there; choose another path")
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise refusal(path, f"a dead server's socket cannot be removed: {error.strerror}") from None


def refusal(path: str, reason: str) -> SettingsError:
    return SettingsError(f"stats socket {path!r}: {reason}")


def inode_of(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
