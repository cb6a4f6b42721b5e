"""The subcommands of `turbo-shard`, each with the place of its function. Does not know what they do and imports none.

A function gets the arguments after the command's name and returns the exit status; a UsageError or SettingsError from
it becomes one line and status 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

type Run = Callable[[Sequence[str]], int]


class Command(NamedTuple):
    """`place` is MODULE:FUNCTION; `usage` and `summary` stand in `turbo-shard --help`."""

    place: str
    usage: str
    summary: str


COMMANDS: dict[str, Command] = {
    "ab": Command(
        "turbo_shard_lab.compare.ab:command",
        "ab APP [options]",
        "compares the modes with an app of yours, on this machine",
    ),
    "doctor": Command(
        "turbo_shard.doctor.machine:command",
        "doctor [APP] [--json]",
        "examines this machine, and how an app would start, and says what to improve",
    ),
    "simulate": Command(
        "turbo_shard_lab.simulate.simulate:command",
        "simulate [options]",
        "predicts which mode wins on how many cores",
    ),
    "stats": Command(
        "turbo_shard.metrics.command:command",
        "stats PATH [--watch SECONDS] [--json]",
        "shows what a server with --stats-socket PATH does",
    ),
}


def function_of(command: Command) -> Run:
    module, _, name = command.place.partition(":")
    run: Run = getattr(import_module(module), name)
    return run


def usage_lines() -> str:
    return "\n".join(f"       turbo-shard {command.usage}" for command in COMMANDS.values())


def summary_lines() -> str:
    width = max(map(len, COMMANDS))
    return "\n".join(f"  {name:<{width}}  {COMMANDS[name].summary}" for name in COMMANDS)
