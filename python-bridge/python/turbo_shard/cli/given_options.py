"""The options that were given on a command line or in the environment, by the table of settings. Does not know their
use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import cast

from ..settings.option import Kind, Option
from ..settings.table import OPTIONS
from ..settings.values import read
from .command_line import Meaning, Split, UsageError, given_twice, split

TEXT_FLAGS = [
    flag
    for option in OPTIONS
    if option.kind is not Kind.SWITCH and not option.bare
    for flag in option.flags
]
# Flags that may stand alone, and what they stand for then; nothing, for those that take the option back.
BARE_FLAGS = {flag: option.bare for option in OPTIONS if option.bare for flag in option.flags} | {
    flag: "" for option in OPTIONS for flag in option.off_flags
}
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
        bare=BARE_FLAGS,
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
        elif texts := [one for one in given.given if one[0] in (*option.flags, *option.off_flags)]:
            values[option.name], labels[option.name] = from_flags(option, texts, given.written)
        elif text := environment.get(option.variable, ""):
            labels[option.name] = option.variable
            if option.is_list:
                # One on each line.
                lines = filter(None, map(str.strip, text.splitlines()))
                values[option.name] = read_all(option, [(option.variable, line) for line in lines])
            else:
                value = read(option, text, option.variable)
                values[option.name] = (not value) if option.negative else value
    return values, labels


def from_flags(
    option: Option, texts: Sequence[tuple[str, str]], written: Mapping[str, str]
) -> tuple[object, str]:
    """The value of an option that takes a text, from all of its flags, and how it was given."""
    flag, text = texts[-1]
    label = written.get(flag, flag)
    if option.is_list:
        return read_all(option, [(written.get(flag, flag), text) for flag, text in texts]), label
    if flag in option.off_flags:
        if text:
            raise UsageError(f"{label} takes no value")
        return option.default, label
    same = [text for name, text in texts if name not in option.off_flags]
    if len(same) > 1:
        raise UsageError(given_twice(option.flag, same[0], same[1]))
    return read_word(option, text, label), label


def read_all(option: Option, given: Iterable[tuple[str, str]]) -> tuple[object, ...]:
    """The values of an option that may be given several times."""
    return tuple(
        one for label, text in given for one in cast(tuple[object, ...], read(option, text, label))
    )


def read_word(option: Option, text: str, label: str) -> object:
    """Reads a value, also a choice by another server's word for it."""
    if option.choices and text.strip() not in option.choices:
        from .familiar.table import word_of

        if meaning := word_of(option.flag, text.strip()):
            if meaning.answer:
                raise UsageError(meaning.answer)
            text = meaning.arguments[0].partition("=")[2]
    return read(option, text, label)
