"""stderr as the server writes to it: through the native side's queue, so no shard waits for a reader. Does not know
what is written.
"""

from __future__ import annotations

import os
import sys
from typing import Any

STDERR = 2
# As long as the native side waits for stderr.
FLUSH_WITHIN_S = 1.0


def write(stream: Any, text: str) -> None:
    """Writes `text` as it is; a reader that has gone, or does not read, must not stop a server."""
    if stream is None:
        return
    try:
        if is_stderr(stream) and (native := sys.modules.get("turbo_shard._native")):
            encoding = getattr(stream, "encoding", None) or "utf-8"
            native.write_stderr(text.encode(encoding, "backslashreplace"))
        else:
            stream.write(text)
            stream.flush()
    except (OSError, ValueError):
        pass


def write_line(stream: Any, text: str) -> None:
    write(stream, text + "\n")


def flush() -> None:
    """Waits until all is written, for a moment at most: before this process becomes another program."""
    if native := sys.modules.get("turbo_shard._native"):
        native.flush_log_queue(FLUSH_WITHIN_S)
        native.flush_stderr()


def is_stderr(stream: Any) -> bool:
    """Whether it leads to the process's own stderr, and not to a file or a buffer in its place."""
    try:
        return bool(stream.fileno() == STDERR)
    except (AttributeError, OSError, TypeError, ValueError):
        return False


def open_standard_streams() -> None:
    """Puts `/dev/null` where stdin, stdout or stderr is closed, as it may be under cron or after a double fork.

    Otherwise the first sockets would take their place, and printed text would go to a client. Call it before anything
    else is opened.
    """
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (STDERR, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            # The lowest number that is free, and that is this one.
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != fd:
                os.dup2(opened, fd)
                os.close(opened)
            os.set_inheritable(fd, True)
            if getattr(sys, name) is None:
                errors = "backslashreplace" if fd == STDERR else "strict"
                # For as long as the process lives.
                stream = open(fd, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
                setattr(sys, name, stream)
                setattr(sys, f"__{name}__", stream)
