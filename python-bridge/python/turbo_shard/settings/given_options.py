"""The options that were given on a command line or in the environment, by the table of options. Does not know their
use.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..cli.command_line import Split
from .options import OPTIONS, Kind
from .settings import read

TEXT_FLAGS = [option.flag for option in OPTIONS if option.kind is not Kind.SWITCH]
SWITCH_FLAGS = [
    *(option.flag for option in OPTIONS if option.kind is Kind.SWITCH),
    *(option.positive_flag for option in OPTIONS if option.paired),
]


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
            # All values count of an option that may be given several times, of any other only the last.
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
