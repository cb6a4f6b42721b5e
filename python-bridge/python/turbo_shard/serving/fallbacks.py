"""The way out where each shard cannot have its own instance of the app: one process per shard, like other servers'
workers, or a refusal that names the options that help. Says so in one line.
"""

from __future__ import annotations

import os
import sys
import threading

from ..loading.app_instances import NoSecondInstance
from ..logs.error_stream import write_line
from ..settings import Settings
from ..user_code.running import AppError
from . import service_manager
from .leaving import EXIT_SECONDS_MAX, wind_up

# Named where a second instance or the GIL is in the way.
BOTH_WAYS = (
    "--mode process (a process of its own for each) and --shards 1 (one for all) serve it as it is"
)


def why_not_processes(settings: Settings) -> str:
    """Why the user's own options keep the server from taking processes instead of shards, or nothing."""
    if settings.mode == "steal":
        return "--mode steal was asked for"
    if settings.app_per_shard == "always":
        return "--app-per-shard always was asked for"
    for name in ("balance", "steer"):
        if (value := getattr(settings, name)) not in ("hash", "address"):
            return f"--{name} {value} is for shards"
    if settings.user is not None or settings.group is not None:
        return "another user cannot bind its sockets again"
    return "--rebalance is for shards" if settings.rebalance else ""


def check_processes(error: NoSecondInstance, settings: Settings, *, why: str = "") -> None:
    """Raises where processes are not possible either; the words name what is possible."""
    why = why or why_not_processes(settings)
    if not why:
        return
    words = f"{error}; {BOTH_WAYS} ({why})"
    cause = error.__cause__
    if cause is not None and not isinstance(cause, AppError):
        # The errors that report a failed start, with their exit status.
        raise type(cause)(words) from None
    raise AppError(words, error.report) from (cause and cause.__cause__)


def with_processes(error: NoSecondInstance, settings: Settings, *, why: str = "") -> Settings:
    """Settings with which every shard has its instance after all; raises where there are none."""
    check_processes(error, settings, why=why)
    write_line(
        sys.stderr,
        f"turbo-shard: serving with --mode process, since there is {error}; --shards 1 would serve it in one process",
    )
    return settings.replaced(mode="process")


class Beginning:
    """How the command was started. Make it before the app's import, which may change it."""

    def __init__(self) -> None:
        self.variables = os.environ.copy()
        self.directory = os.getcwd()


def start_over(beginning: Beginning) -> None:
    """Becomes the same command with `--mode process`: nothing stays of what the app's import has begun here, neither
    threads nor registrations, and the supervisor is as small as with an explicit `--mode process`."""
    arguments = list(sys.orig_argv[1:])
    place = arguments.index("--") if "--" in arguments else len(arguments)
    arguments[place:place] = ["--mode", "process"]
    # As at the end of a process: functions that the import has registered with `atexit` may remove lock files, say.
    end = threading.Thread(target=wind_up, daemon=True)
    end.start()
    end.join(EXIT_SECONDS_MAX)
    os.chdir(beginning.directory)
    service_manager.keep_for_next(beginning.variables)
    os.execve(sys.executable, [sys.executable, *arguments], beginning.variables)
