"""The command `turbo-shard`: reads the command line, finds the app, serves it. Exit status 2 and one line for whatever
the user can put right; 3 where the app's own startup failed.

Imports as little as it can: an answer is wanted within 300 ms of the start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .cli_options import OPTIONS, PLACEHOLDER, Kind, Option
from .command_line import HELP_FLAGS, Split, UsageError, help_lines, say, split
from .commands import COMMANDS, function_of, summary_lines, usage_lines
from .native import NativeMissing, native_module
from .settings import AppSettings, Settings, SettingsError, app_settings_from, read, settings_from

EXIT_USAGE = 2
# The app's own startup failed, which a service manager may want to tell from a wrong command line.
EXIT_STARTUP_FAILED = 3
# What a shell reports for a program that SIGINT ended.
EXIT_INTERRUPTED = 130

HELP = """\
usage: turbo-shard APP [options]
{usages}

Serves a Python web app on pinned shards, one per core.

APP is MODULE:ATTRIBUTE, such as app:app or shop.web:site.api; without ATTRIBUTE it is
app or application. An app whose module is named as a command is served as MODULE:ATTRIBUTE.

commands (each has a --help of its own):
{summaries}

options:
{options}

An option that is not given is taken from its environment variable, if that is set."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    is_own_process = arguments is None
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments and (command := COMMANDS.get(arguments[0])):
            return function_of(command)(arguments[1:])
        return serve_command(arguments, may_start_over=is_own_process)
    except (SettingsError, UsageError, NativeMissing) as error:
        return refuse(str(error))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def serve_command(arguments: Sequence[str], *, may_start_over: bool = False) -> int:
    given = split(
        arguments,
        texts=[option.flag for option in OPTIONS if option.kind is not Kind.SWITCH],
        switches=[
            *(option.flag for option in OPTIONS if option.kind is Kind.SWITCH),
            *(option.positive_flag for option in OPTIONS if option.paired),
            *HELP_FLAGS,
            "--version",
        ],
    )
    if set(HELP_FLAGS).intersection(given.switches):
        texts = {"usages": usage_lines(), "summaries": summary_lines()}
        return say(HELP.format(**texts, options=help_lines(option_rows())))
    if "--version" in given.switches:
        return say(version_line())
    values, labels = chosen_values(given, os.environ)
    settings = settings_from(values, labels)
    app_settings = app_settings_from(values, labels)
    if not given.rest:
        raise UsageError("which app? Name it as MODULE:ATTRIBUTE, such as: turbo-shard app:app")
    if len(given.rest) > 1:
        raise UsageError(f"{given.rest[1]!r} is one argument too many")

    from .user_code import AppError

    native = native_module()
    try:
        was_ready = serve_reference(
            given.rest[0], settings, app_settings, native, may_start_over=may_start_over
        )
    except AppError as error:
        return refuse(str(error), report=error.report)
    except native.LifespanError as error:
        return refuse(str(error), status=EXIT_STARTUP_FAILED)
    except native.StartError as error:
        return refuse(str(error))
    return 0 if was_ready else EXIT_INTERRUPTED


def serve_reference(
    reference: str,
    settings: Settings,
    app_settings: AppSettings,
    native: Any,
    *,
    may_start_over: bool,
) -> bool:
    """Serves the app that `reference` names; whether it was ever ready."""
    if settings.mode == "process":
        # The workers import the app; nothing of it is needed here.
        from .process_mode import supervisor

        return supervisor.run(reference, settings, app_settings, native=native)
    from . import app_loader, fallbacks, server

    loaded = app_loader.load(
        reference,
        app_dir=app_settings.app_dir,
        factory=app_settings.factory,
        interface=app_settings.interface,
        allow_gil=app_settings.allow_gil or server.shard_count(settings, native) == 1,
        own=app_settings.own,
    )
    try:
        return server.run(loaded, settings, app_settings, native=native)
    except fallbacks.NoSecondInstance as error:
        settings = fallbacks.with_processes(error, settings, app_settings)
    if may_start_over:
        fallbacks.start_over()
    return serve_reference(reference, settings, app_settings, native, may_start_over=False)


def chosen_values(
    given: Split, environment: Mapping[str, str]
) -> tuple[dict[str, object], dict[str, str]]:
    """The options that were given, checked, and how each was given: the command line beats the environment."""
    values: dict[str, object] = {}
    labels: dict[str, str] = {}
    for option in OPTIONS:
        if flags := [f for f in given.switches if f in (option.flag, option.positive_flag)]:
            values[option.name] = not option.negative or flags[-1] == option.positive_flag
            labels[option.name] = flags[-1]
        elif option.flag in given.texts:
            # Of one that may be given several times every one counts, of another the last.
            several = option.kind is Kind.NAMES
            every = given.every(option.flag)
            values[option.name] = read(
                option, ",".join(every) if several else every[-1], option.flag
            )
            labels[option.name] = option.flag
        elif text := environment.get(option.variable):
            value = read(option, text, option.variable)
            values[option.name] = (not value) if option.negative else value
            labels[option.name] = option.variable
    return values, labels


def option_rows() -> Iterator[tuple[str, str]]:
    """What help says of each option: flag, meaning, default with its unit, environment variable."""
    for option in OPTIONS:
        flags = f"{option.positive_flag}, {option.flag}" if option.paired else option.flag
        yield f"{flags} {PLACEHOLDER[option.kind](option)}".rstrip(), explanation(option)
    yield "--version", "print the version and stop"
    yield "-h, --help", "print this and stop"


def explanation(option: Option) -> str:
    if option.kind is Kind.SWITCH:
        return f"{option.help} [{option.variable}]"
    default = option.default_text or option.in_words(option.default)
    return f"{option.help} (default: {default}) [{option.variable}]"


def version_line() -> str:
    from . import banner

    return f"turbo-shard {native_module().__version__} ({banner.python_build()})"


def refuse(message: str, *, report: str = "", status: int = EXIT_USAGE) -> int:
    """Says in one line what is wrong, after the user's own traceback where there is one."""
    from .banner import write

    write(sys.stderr, f"{report}turbo-shard: error: {message}")
    return status
