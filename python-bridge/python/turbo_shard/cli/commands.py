"""The subcommands of `turbo-shard`, each with the place of its function. Does not know what they do and imports none.

Some are in a distribution of its own, the lab. This file is all that the server knows of it.

A function gets the arguments after the command's name and returns the exit status; a UsageError or SettingsError from
it becomes one line and status 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

from .command_line import UsageError

type Run = Callable[[Sequence[str]], int]

LAB = "turbo_shard_lab"


class Command(NamedTuple):
    """`place` is MODULE:FUNCTION; `usage` and `summary` stand in `turbo-shard --help`."""

    place: str
    usage: str
    summary: str


COMMANDS: dict[str, Command] = {
    "ab": Command(
        f"{LAB}.compare.ab:command",
        "ab APP [options]",
        "compares the modes with an app of yours, on this machine",
    ),
    "doctor": Command(
        "turbo_shard.doctor.machine:command",
        "doctor [APP] [--json]",
        "examines this machine, and how an app would start, and says what to improve",
    ),
    "simulate": Command(
        f"{LAB}.simulate.simulate:command",
        "simulate [options]",
        "predicts which mode wins on how many cores",
    ),
    "stats": Command(
        "turbo_shard.metrics.command:command",
        "stats PATH [--watch SECONDS] [--json]",
        "shows what a server with --stats-socket PATH does",
    ),
}


def function_of(name: str) -> Run:
    """The function behind a command's name; UsageError where it is not installed."""
    module, _, function = COMMANDS[name].place.partition(":")
    try:
        run: Run = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name != LAB:
            raise
        raise UsageError(
            f"`turbo-shard {name}` is part of the lab, which is not installed; "
            "pip install 'turbo-shard[lab]' installs it"
        ) from None
    return run


def usage_lines() -> str:
    return "\n".join(f"       turbo-shard {command.usage}" for command in COMMANDS.values())


def summary_lines() -> str:
    width = max(map(len, COMMANDS))
    return "\n".join(f"  {name:<{width}}  {COMMANDS[name].summary}" for name in COMMANDS)
