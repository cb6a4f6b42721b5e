"""Splits a command line into options and the rest, lays out help and prints. Knows nothing of what the options mean.

argparse could do it, for 8 ms of every start and 1.4 MB of every server's memory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

# An option's words (flags, and what its value is called) and their explanation, as help lists them.
type Row = tuple[str, str]

HELP_FLAGS = ("-h", "--help")
HELP_ROW: Row = (", ".join(HELP_FLAGS), "print this and stop")
HELP_COLUMN = 32
HELP_WIDTH_MIN = 60
HELP_WIDTH_MAX = 100


class UsageError(Exception):
    """A command line that makes no sense; its text is one line."""


class Split(NamedTuple):
    """A command line's parts: the text of each option that takes one, the switches and the rest in order."""

    texts: dict[str, str]
    switches: list[str]
    rest: list[str]
    # Every option with a text, in their order: for those that may be given several times.
    given: list[tuple[str, str]]

    def every(self, flag: str) -> list[str]:
        return [text for name, text in self.given if name == flag]


def split(arguments: Sequence[str], *, texts: Collection[str], switches: Collection[str]) -> Split:
    """Reads `--flag text`, `--flag=text`, `--switch` and `--`; of an option given twice the last counts."""
    found = Split({}, [], [], [])
    left = iter(arguments)
    for argument in left:
        flag, equals, text = argument.partition("=")
        if argument == "--":
            found.rest.extend(left)
        elif not argument.startswith("-") or argument == "-":
            found.rest.append(argument)
        elif flag in switches:
            if equals:
                raise UsageError(f"{flag} takes no value")
            found.switches.append(flag)
        elif flag in texts:
            value = text if equals else next(left, None)
            if value is None or (not equals and value.partition("=")[0] in (*texts, *switches)):
                raise UsageError(f"{flag} needs a value")
            found.texts[flag] = value
            found.given.append((flag, value))
        else:
            raise UsageError(f"there is no option {flag}{suggestion(flag, (*texts, *switches))}")
    return found


def suggestion(flag: str, known: Collection[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(flag, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else "; `--help` lists them"


def help_lines(rows: Iterable[Row]) -> str:
    """Each row's words under each other, their explanations beside them."""
    from shutil import get_terminal_size
    from textwrap import wrap

    width = min(max(get_terminal_size().columns, HELP_WIDTH_MIN), HELP_WIDTH_MAX)
    lines = []
    for words, explanation in rows:
        wrapped = wrap(explanation, width - HELP_COLUMN, break_on_hyphens=False)
        beside = f"  {words}".ljust(HELP_COLUMN)
        if len(beside) > HELP_COLUMN or not beside.endswith(" "):
            lines.append(beside.rstrip())
            beside = " " * HELP_COLUMN
        for text in wrapped:
            lines.append(beside + text)
            beside = " " * HELP_COLUMN
    return "\n".join(lines)


def say(text: str) -> int:
    """Prints what was asked for."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
