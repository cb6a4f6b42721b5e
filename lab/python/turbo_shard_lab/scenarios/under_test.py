"""The lab of turbo_shard as the benchmarks use it: run in the checkout, with the generator that cargo has built."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from ..load import generator
from ..load.generator import Load, Question
from ..measure.server import Server
from .places import ROOT, TURBO_LOAD, command_line

PROGRAM = (str(TURBO_LOAD),)
# Variables that would configure a server.
CONFIGURING_VARIABLES = ("TURBO_SHARD_", "GRANIAN_", "UVICORN_", "PYTHON")


def server(command: Iterable[str], cores: Iterable[int]) -> Server:
    return Server(command, cores, directory=ROOT, without_variables=CONFIGURING_VARIABLES)


def closed_loop(address: str, question: Question, load: Load) -> dict[str, Any]:
    """One run. Raises unless every answer was right."""
    return generator.run_load(address, [question], load, program=PROGRAM, directory=ROOT)


def idle_connections(
    address: str, question: Question, count: int, core: int
) -> AbstractContextManager[dict[str, Any]]:
    """Holds keep-alive connections for the block; each has had one checked answer."""
    return generator.idle_connections(
        address, question, count, core, program=PROGRAM, directory=ROOT
    )


def example_command(question: Question, load: Load) -> str:
    """How a person repeats a run against a server on PORT."""
    options = [*question.options(), *load.options()]
    return command_line([*PROGRAM, "--target", "127.0.0.1:PORT", *options])
