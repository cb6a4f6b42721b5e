"""The options that were given on a command line or in the environment, by the table of settings. Does not know their
use.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..settings.option import Kind
from ..settings.table import OPTIONS
from ..settings.values import read
from .command_line import Split

TEXT_FLAGS = [flag for option in OPTIONS if option.kind is not Kind.SWITCH for flag in option.flags]
SWITCH_FLAGS = [
    flag
    for option in OPTIONS
    if option.kind is Kind.SWITCH
    for flag in (*option.flags, *option.positive_flags)
]


def chosen_values(
    given: Split, environment: Mapping[str, str]
) -> tuple[dict[str, object], dict[str, str]]:
    """The options that were given, checked, and how each was given: the command line beats the environment."""
    values: dict[str, object] = {}
    labels: dict[str, str] = {}
    for option in OPTIONS:
        positive = option.positive_flags
        if flags := [flag for flag in given.switches if flag in (*option.flags, *positive)]:
            values[option.name] = not option.negative or flags[-1] in positive
            labels[option.name] = flags[-1]
        elif texts := [one for one in given.given if one[0] in option.flags]:
            # All values count of an option that may be given several times, of any other only the last.
            label, text = texts[-1]
            if option.kind is Kind.NAMES:
                text = ",".join(text for _, text in texts)
            values[option.name] = read(option, text, label)
            labels[option.name] = label
        elif text := environment.get(option.variable, ""):
            value = read(option, text, option.variable)
            values[option.name] = (not value) if option.negative else value
            labels[option.name] = option.variable
    return values, labels
