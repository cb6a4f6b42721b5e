"""The options that were given on a command line or in the environment, by the table of settings. Does not know their
use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..settings.option import Kind, Option
from ..settings.table import OPTIONS
from ..settings.values import read
from .command_line import Meaning, Split, UsageError, given_twice, split

TEXT_FLAGS = [flag for option in OPTIONS if option.kind is not Kind.SWITCH for flag in option.flags]
SWITCH_FLAGS = [
    flag
    for option in OPTIONS
    if option.kind is Kind.SWITCH
    for flag in (*option.flags, *option.positive_flags)
]


SEVERAL_FLAGS = [flag for option in OPTIONS if option.is_list for flag in option.flags]


def split_for_server(arguments: Sequence[str], *, switches: Collection[str]) -> Split:
    """A command line with a server's options, or what other servers call them, and these `switches`."""
    all_switches = [*SWITCH_FLAGS, *switches]

    def foreign(argument: str, following: str | None) -> Meaning | None:
        # Imported only for a command line that has such an option.
        from .familiar.table import meaning

        return meaning(argument, following, switches=all_switches)

    return split(
        arguments,
        texts=TEXT_FLAGS,
        switches=all_switches,
        several=SEVERAL_FLAGS,
        foreign=foreign,
    )


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
            labels[option.name] = given.written.get(flags[-1], flags[-1])
        elif texts := [one for one in given.given if one[0] in option.flags]:
            if len(texts) > 1 and not option.is_list:
                raise UsageError(given_twice(option.flag, texts[0][1], texts[1][1]))
            label = given.written.get(texts[-1][0], texts[-1][0])
            text = ",".join(text for _, text in texts) if option.is_list else texts[0][1]
            values[option.name] = read_word(option, text, label)
            labels[option.name] = label
        elif text := environment.get(option.variable, ""):
            value = read(option, text, option.variable)
            values[option.name] = (not value) if option.negative else value
            labels[option.name] = option.variable
    return values, labels


def read_word(option: Option, text: str, label: str) -> object:
    """Reads a value, also a choice by another server's word for it."""
    if option.choices and text.strip() not in option.choices:
        from .familiar.table import word_of

        if meaning := word_of(option.flag, text.strip()):
            if meaning.answer:
                raise UsageError(meaning.answer)
            text = meaning.arguments[0].partition("=")[2]
    return read(option, text, label)
