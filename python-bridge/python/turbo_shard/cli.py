"""The command `turbo-shard`: reads the command line, finds the app, serves it. Exit status 2 and one line for whatever
the user can put right; 3 where the app's own startup failed.

Imports as little as it can: an answer is wanted within 300 ms of the start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from .cli_options import OPTIONS, PLACEHOLDER, Kind, Option
from .command_line import Split, UsageError, help_lines, split
from .native import NativeMissing, native_module
from .settings import SettingsError, app_settings_from, read, settings_from

EXIT_CANNOT_SERVE = 1
EXIT_USAGE = 2
# The app's own startup failed, which a service manager may want to tell from a wrong command line.
EXIT_STARTUP_FAILED = 3
# What a shell reports for a program that SIGINT ended.
EXIT_INTERRUPTED = 130

HELP_FLAGS = ("-h", "--help")
HELP = """\
usage: turbo-shard APP [options]
       turbo-shard doctor [--json]
       turbo-shard stats PATH [--watch SECONDS] [--json]

Serves a Python web app on pinned shards, one per core.

APP is MODULE:ATTRIBUTE, such as app:app or shop.web:site.api; without ATTRIBUTE it is
app or application. `turbo-shard doctor` examines this machine and says what to improve;
`turbo-shard stats` shows what a server with --stats-socket PATH does.

options:
{options}

An option that is not given is taken from its environment variable, if that is set."""
DOCTOR_HELP = """\
usage: turbo-shard doctor [--json]

Examines whether and how well this machine can serve, and says what would help.
Exits with 0 if it can, with 1 if something makes it impossible.

options:
{options}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments and arguments[0] == "doctor":
            return doctor_command(arguments[1:])
        if arguments and arguments[0] == "stats":
            from . import stats_command

            return stats_command.main(arguments[1:])
        return serve_command(arguments)
    except (SettingsError, UsageError, NativeMissing) as error:
        return refuse(str(error))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def serve_command(arguments: Sequence[str]) -> int:
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
        return say(HELP.format(options=help_lines(option_rows())))
    if "--version" in given.switches:
        return say(version_line())
    values, labels = chosen_values(given, os.environ)
    settings = settings_from(values, labels)
    app_settings = app_settings_from(values, labels)
    if not given.rest:
        raise UsageError("which app? Name it as MODULE:ATTRIBUTE, such as: turbo-shard app:app")
    if len(given.rest) > 1:
        raise UsageError(f"{given.rest[1]!r} is one argument too many")

    from . import app_loader, server
    from .user_code import AppError

    native = native_module()
    try:
        loaded = app_loader.load(
            given.rest[0],
            app_dir=app_settings.app_dir,
            factory=app_settings.factory,
            interface=app_settings.interface,
            allow_gil=app_settings.allow_gil,
        )
        was_ready = server.run(loaded, settings, app_settings, native=native)
    except AppError as error:
        return refuse(str(error), report=error.report)
    except native.LifespanError as error:
        return refuse(str(error), status=EXIT_STARTUP_FAILED)
    except native.StartError as error:
        return refuse(str(error))
    return 0 if was_ready else EXIT_INTERRUPTED


def doctor_command(arguments: Sequence[str]) -> int:
    given = split(arguments, texts=[], switches=["--json", *HELP_FLAGS])
    if set(HELP_FLAGS).intersection(given.switches):
        rows = [("--json", "print JSON for scripts"), ("-h, --help", "print this and stop")]
        return say(DOCTOR_HELP.format(options=help_lines(rows)))
    if given.rest:
        raise UsageError(f"{given.rest[0]!r} is one argument too many")

    from . import doctor

    text, can_serve = doctor.report(as_json="--json" in given.switches)
    say(text)
    return 0 if can_serve else EXIT_CANNOT_SERVE


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
            values[option.name] = read(option, given.texts[option.flag], option.flag)
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


def say(text: str) -> int:
    """Prints what was asked for."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Whoever read it has enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def refuse(message: str, *, report: str = "", status: int = EXIT_USAGE) -> int:
    """Says in one line what is wrong, after the user's own traceback where there is one."""
    from .banner import write

    write(sys.stderr, f"{report}turbo-shard: error: {message}")
    return status
