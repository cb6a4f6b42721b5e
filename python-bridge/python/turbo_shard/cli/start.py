"""The command `turbo-shard`: reads the command line, finds the app, serves it. Exit status 2 and one line for what the
user can put right; 3 where the app's own startup failed.

Imports as little as it can: an answer should come within 300 ms of the start.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..logs.error_stream import open_standard_streams
from ..native_module import NativeMissing, native_module
from ..settings import Settings, SettingsError
from .command_line import HELP_FLAGS, UsageError, say
from .commands import COMMANDS, function_of
from .given_options import split_for_server, told

if TYPE_CHECKING:
    from ..serving.leaving import Ending

# The command's own options beside the settings and their sources.
OWN_SWITCHES = (*HELP_FLAGS, "--help-all", "--version", "--check", "--print-config")

# `--check` tells an app that cannot be served from options that cannot be used.
EXIT_APP_UNUSABLE = 1
EXIT_USAGE = 2
# The app's own startup failed, which a service manager may want to tell from a wrong command line.
EXIT_STARTUP_FAILED = 3
# What a shell reports for a program that SIGINT, or SIGTERM, has ended.
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    open_standard_streams()
    is_own_process = arguments is None
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments and arguments[0] in COMMANDS:
            status = function_of(arguments[0])(arguments[1:])
            return end(status) if is_own_process else status
        return serve_command(arguments, is_own_process=is_own_process)
    except (SettingsError, UsageError, NativeMissing) as error:
        return refuse(str(error))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def end(status: int) -> int:
    """What an app starts at its import, when the doctor looks, must not hold the process."""
    native = sys.modules.get("turbo_shard._native")
    if native is None:
        return status
    from ..serving.leaving import leave

    return leave(status, 0.0, native)


def serve_command(arguments: Sequence[str], *, is_own_process: bool = False) -> int:
    given = split_for_server(arguments, switches=OWN_SWITCHES)
    if {*HELP_FLAGS, "--help-all"}.intersection(given.switches):
        from .help_text import help_text

        return say(help_text(is_all="--help-all" in given.switches))
    if "--version" in given.switches:
        return say(version_line())
    given_all = told(given)
    if "--print-config" in given.switches:
        from .print_config import config_text

        say(config_text(given_all))
        if "--check" not in given.switches:
            return 0
    reference, settings = given_all.app, given_all.settings
    if not reference:
        raise UsageError("which app? Name it as MODULE:ATTRIBUTE, such as: turbo-shard app:app")
    if "--check" in given.switches:
        status = check_app(reference, settings)
        return end(status) if is_own_process else status

    from ..serving.leaving import Ending, leave

    native = native_module()
    ending = Ending()
    status = serve_to_the_end(reference, settings, native, ending, is_own_process=is_own_process)
    if not is_own_process:
        return status
    # Also if it could not be served: what the app started at its import must not hold the process.
    seconds = 0.0 if ending.is_hurried else ending.seconds_left
    return leave(status, seconds, native, was_ready=ending.was_ready)


def check_app(reference: str, settings: Settings) -> int:
    """Whether the app can be served, in one line; the settings have been checked."""
    from ..serving.log_setup import configured
    from ..user_code.running import AppError
    from .check import check

    configured(settings)
    try:
        return say(check(reference, settings, native_module()))
    except AppError as error:
        return refuse(str(error), report=error.report, status=EXIT_APP_UNUSABLE)


class Terminated(KeyboardInterrupt):
    """SIGTERM, before there is a server that hears of it: ends what a Ctrl-C would end."""


def serve_to_the_end(
    reference: str,
    settings: Settings,
    native: Any,
    ending: Ending,
    *,
    is_own_process: bool,
) -> int:
    """Serves the app that `reference` names; returns the exit status after reporting what went wrong."""
    from ..user_code.running import AppError

    def on_signal(number: int, frame: FrameType | None) -> None:
        # While the server runs, signals are its own; this is for the time before it and after it.
        if ending.was_ready:
            ending.is_hurried = True
        else:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    try:
        if is_own_process:
            native.disarm_signal(signal.SIGUSR1)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, on_signal)
        serve_reference(reference, settings, native, ending, is_own_process=is_own_process)
    except Terminated:
        return EXIT_TERMINATED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (AppError, SettingsError) as error:
        return refuse(str(error), report=getattr(error, "report", ""))
    except native.LifespanError as error:
        return refuse(str(error), status=EXIT_STARTUP_FAILED)
    except native.StartError as error:
        return refuse(str(error))
    return ending.status


def serve_reference(
    reference: str,
    settings: Settings,
    native: Any,
    ending: Ending,
    *,
    is_own_process: bool,
) -> None:
    """Serves the app that `reference` names, until it is stopped."""
    from ..serving.log_setup import with_log_config

    settings = with_log_config(settings, native)
    if settings.mode == "process":
        # The workers import the app; nothing here needs it.
        from ..process_mode import supervisor

        supervisor.run(reference, settings, native=native, ending=ending)
        return
    from ..loading import app_loader
    from ..loading.app_instances import NoSecondInstance
    from ..serving import fallbacks, server
    from ..serving.bound import Bound

    beginning = fallbacks.Beginning()
    is_gil_allowed = settings.allow_gil or server.shard_count(settings, native) == 1
    # Its own code runs without the privileges that only its sockets need.
    is_early = settings.user is not None or settings.group is not None
    bound = Bound(settings, native) if is_early else None
    try:
        loaded = app_loader.load(reference, settings, allow_gil=is_gil_allowed)
    except BaseException:
        if bound is not None:
            bound.close()
        raise
    try:
        server.run(
            loaded,
            settings,
            native=native,
            ending=ending,
            is_own_process=is_own_process,
            sockets=bound,
        )
        return
    except NoSecondInstance as error:
        settings = fallbacks.with_processes(error, settings)
    if is_own_process:
        fallbacks.start_over(beginning)
    serve_reference(reference, settings, native, ending, is_own_process=False)


def version_line() -> str:
    from ..serving import banner

    return f"turbo-shard {native_module().__version__} ({banner.python_build()})"


def refuse(message: str, *, report: str = "", status: int = EXIT_USAGE) -> int:
    """Says in one line what is wrong, or in one for each thing, after the user's own traceback where there is one."""
    from ..logs.error_stream import write_line

    lines = (f"turbo-shard: error: {line}" for line in message.split("\n"))
    write_line(sys.stderr, report + "\n".join(lines))
    return status
