"""The subcommands of `turbo-shard`, each with the place of its function. Does not know what they do and imports none.

Some are in a distribution of its own, the lab. This file is all that the server knows of it.

A function gets the arguments after the command's name and returns the exit status; a UsageError or SettingsError from
it becomes one line and status 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from .command_line import Row, UsageError

type Run = Callable[[Sequence[str]], int]

LAB = "turbo_shard_lab"


class Command(NamedTuple):
    """`usage` and `summary` stand in `turbo-shard --help`."""

    # MODULE:FUNCTION.
    place: str
    usage: str
    summary: str
    # MODULE:NAME of the rows in which its help lists its own options.
    rows: str = ""
    # Whether it takes a server's options as well.
    has_options_of_a_server: bool = False


COMMANDS: dict[str, Command] = {
    "ab": Command(
        f"{LAB}.compare.ab:command",
        "ab APP [options]",
        "compares the modes with an app of yours, on this machine",
        rows=f"{LAB}.compare.ab_options:ROWS",
    ),
    "completion": Command(
        "turbo_shard.cli.completion:command",
        "completion bash|zsh|fish",
        "prints what a shell needs to complete commands and options",
        rows="turbo_shard.cli.completion:ROWS",
    ),
    "doctor": Command(
        "turbo_shard.doctor.machine:command",
        "doctor [APP] [--json]",
        "examines this machine, and how an app would start, and says what to improve",
        rows="turbo_shard.doctor.machine:ROWS",
        has_options_of_a_server=True,
    ),
    "routes": Command(
        "turbo_shard.routes.command:command",
        "routes APP [--json]",
        "lists a FastAPI app's routes: which are compiled, and why the others are not",
        rows="turbo_shard.routes.command:ROWS",
        has_options_of_a_server=True,
    ),
    "simulate": Command(
        f"{LAB}.simulate.simulate:command",
        "simulate [options]",
        "predicts which mode wins on how many cores",
        rows=f"{LAB}.simulate.options:ROWS",
    ),
    "stats": Command(
        "turbo_shard.metrics.command:command",
        "stats PATH [--watch SECONDS] [--json]",
        "shows what a server with --stats-socket PATH does",
        rows="turbo_shard.metrics.command:ROWS",
    ),
    "top": Command(
        "turbo_shard.metrics.top:command",
        "top PATH|URL [--sort COLUMN]",
        "shows live what the shards of a server with --stats-socket or --metrics do",
        rows="turbo_shard.metrics.top:ROWS",
    ),
}


def function_of(name: str) -> Run:
    """The function behind a command's name; UsageError where it is not installed."""
    run: Run = found(name, COMMANDS[name].place)
    return run


def rows_of(name: str) -> Sequence[Row]:
    """The rows of its help; UsageError where it is not installed."""
    rows: Sequence[Row] = found(name, COMMANDS[name].rows)
    return rows


def found(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name != LAB:
            raise
        raise UsageError(
            f"`turbo-shard {name}` is part of the lab, which is not installed; "
            "pip install 'turbo-shard[lab]' installs it"
        ) from None
