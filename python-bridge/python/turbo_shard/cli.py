"""The command `turbo-shard`: reads the command line, finds the app, serves it. Exit status 2 and one line for whatever
the user can put right.

Imports as little as it can: an answer is wanted within 300 ms of the start.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .cli_options import OPTION_BY_NAME, OPTIONS, PLACEHOLDER, Kind, Option
from .settings import SettingsError, read, settings_from

if TYPE_CHECKING:
    import argparse

EXIT_USAGE = 2
# What a shell reports for a program that SIGINT ended.
EXIT_INTERRUPTED = 130

USAGE = "turbo-shard APP [options]\n       turbo-shard doctor [--json]"
DESCRIPTION = """\
Serves a Python web app on pinned shards, one per core.

APP is MODULE:ATTRIBUTE, such as app:app or shop.web:site.api; without ATTRIBUTE it is
app or application. `turbo-shard doctor` examines this machine and says what to improve.
"""
EPILOG = "An option that is not given is taken from its environment variable, if that is set."


class UsageError(Exception):
    """A command line that cannot be understood; its text is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments and arguments[0] == "doctor":
            return doctor_command(arguments[1:])
        return serve_command(arguments)
    except (SettingsError, UsageError) as error:
        complain(str(error))
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def serve_command(arguments: Sequence[str]) -> int:
    given = parse(serve_parser(), arguments)
    if given.version:
        print(version_line())
        return 0
    values, labels = chosen_values(given, os.environ)
    settings = settings_from(values, labels)
    if given.app is None:
        raise UsageError("which app? Name it as MODULE:ATTRIBUTE, such as: turbo-shard app:app")

    from . import app_loader, server

    try:
        native = server.native_module()
        app = app_loader.load(
            given.app,
            app_dir=str(values.get("app_dir", OPTION_BY_NAME["app_dir"].default)),
            factory=bool(values.get("factory")),
            allow_gil=bool(values.get("allow_gil")),
        )
    except app_loader.AppError as error:
        if error.report:
            sys.stderr.write(error.report)
        complain(str(error))
        return EXIT_USAGE
    except server.StartFailure as error:
        complain(str(error))
        return EXIT_USAGE

    try:
        was_ready = server.run(app, settings, native=native, app_name=given.app)
    except native.StartError as error:
        complain(str(error))
        return EXIT_USAGE
    return 0 if was_ready else EXIT_INTERRUPTED


def doctor_command(arguments: Sequence[str]) -> int:
    from argparse import ArgumentParser

    parser = ArgumentParser(
        prog="turbo-shard doctor",
        description="Examines whether and how well this machine can serve.",
        allow_abbrev=False,
        exit_on_error=False,
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    given = parse(parser, arguments)

    from . import doctor

    return doctor.report(as_json=given.json)


def chosen_values(
    given: argparse.Namespace, environment: Mapping[str, str]
) -> tuple[dict[str, object], dict[str, str]]:
    """The options that were given, checked, and how each was given: the command line beats the environment."""
    values: dict[str, object] = {}
    labels: dict[str, str] = {}
    for option in OPTIONS:
        text = getattr(given, option.name)
        if text is True:
            # A switch on the command line has no text to read.
            values[option.name] = not option.negative
            labels[option.name] = option.flag
        elif text is not None:
            values[option.name] = read(option, text, option.flag)
            labels[option.name] = option.flag
        elif text := environment.get(option.variable):
            value = read(option, text, option.variable)
            values[option.name] = (not value) if option.negative else value
            labels[option.name] = option.variable
    return values, labels


def serve_parser() -> argparse.ArgumentParser:
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    parser = ArgumentParser(
        prog="turbo-shard",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=lambda prog: RawDescriptionHelpFormatter(prog, max_help_position=32),
        allow_abbrev=False,
        exit_on_error=False,
    )
    # Optional for argparse, so that a mistyped option is complained about first.
    parser.add_argument("app", nargs="?", metavar="APP", help="the app to serve: MODULE:ATTRIBUTE")
    for option in OPTIONS:
        add_option(parser, option)
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    return parser


def add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    """Texts stay texts here: settings.py reads them, whether they come from here or from the environment."""
    if option.kind is Kind.SWITCH:
        parser.add_argument(
            option.flag,
            dest=option.name,
            action="store_const",
            const=True,
            help=f"{option.help} [{option.variable}]",
        )
        return
    default = option.default_text or option.in_words(option.default)
    parser.add_argument(
        option.flag,
        dest=option.name,
        metavar=PLACEHOLDER[option.kind](option),
        help=f"{option.help} (default: {default}) [{option.variable}]".replace("%", "%%"),
    )


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    from argparse import ArgumentError

    try:
        given, unknown = parser.parse_known_args(arguments)
    except ArgumentError as error:
        name = (error.argument_name or "").partition("/")[0]
        raise UsageError(f"{name}: {error.message}" if name else error.message) from None
    if not unknown:
        return given
    flags = [text.partition("=")[0] for text in unknown if text.startswith("-") and text != "--"]
    if flags:
        raise UsageError(f"there is no option {flags[0]}{suggestion(parser, flags[0])}")
    raise UsageError(f"{unknown[0]!r} is one argument too many")


def suggestion(parser: argparse.ArgumentParser, flag: str) -> str:
    from difflib import get_close_matches

    # A private name of argparse, as stable as argparse is old; a public one does not exist.
    known = list(parser._option_string_actions)
    close = get_close_matches(flag, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else "; `--help` lists them"


def version_line() -> str:
    import turbo_shard

    from .banner import python_build

    return f"turbo-shard {turbo_shard.__version__} ({python_build()})"


def complain(message: str) -> None:
    """Says in one line what is wrong; a reader that has gone must not turn it into a traceback."""
    with contextlib.suppress(OSError):
        print(f"turbo-shard: error: {message}", file=sys.stderr, flush=True)
