"""Splits a command line into options and the rest, lays out help and prints. Knows nothing of what the options mean.

argparse could do it, for 8 ms of every start and 1.4 MB of every server's memory.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

# An option's words (flags, and what its value is called) and their explanation, as help lists them.
type Row = tuple[str, str]

HELP_FLAGS = ("-h", "--help")
HELP_ROW: Row = (", ".join(HELP_FLAGS), "print this and stop")
HELP_COLUMN = 32
HELP_WIDTH_MIN = 60
HELP_WIDTH_MAX = 100
# From this length on, a name with two letters wrong is still taken for a slip.
LONG_NAME = 11


class UsageError(Exception):
    """A command line that makes no sense; its text is one line for each thing that is wrong."""


class Split(NamedTuple):
    """A command line's parts: the text of each option that takes one, the switches and the rest in order."""

    texts: dict[str, str]
    switches: list[str]
    rest: list[str]
    # Every option with a text, in their order: for those that may be given several times.
    given: list[tuple[str, str]]
    # How an option was written that stands there by another server's name for it.
    written: dict[str, str]

    def every(self, flag: str) -> list[str]:
        return [text for name, text in self.given if name == flag]


class Meaning(NamedTuple):
    """What an argument comes to that is no option of the command: arguments to read in its place, or why it is none."""

    arguments: tuple[str, ...] = ()
    # Whether the argument after it was its value.
    takes_following: bool = False
    answer: str = ""


type Foreign = Callable[[str, str | None], Meaning | None]


def split(
    arguments: Sequence[str],
    *,
    texts: Collection[str],
    switches: Collection[str],
    bare: Mapping[str, str] | None = None,
    several: Collection[str] = (),
    foreign: Foreign | None = None,
) -> Split:
    """Reads `--flag text`, `--flag=text`, `--switch` and `--`.

    `bare` has the flags that take a value by `--flag=text` only, and what they stand for alone. Options of `several`
    may be given more than once. `foreign` knows options of other servers; it is handed an argument and the one that
    follows.
    """
    bare = bare or {}
    found = Split({}, [], [], [], {})
    answers: list[str] = []
    left = deque(arguments)
    while left:
        argument = left.popleft()
        flag, equals, text = argument.partition("=")
        if argument == "--":
            found.rest.extend(left)
            break
        elif not argument.startswith("-") or argument == "-":
            found.rest.append(argument)
        elif flag in switches:
            if equals:
                raise UsageError(f"{flag} takes no value")
            found.switches.append(flag)
        elif flag in bare:
            found.given.append((flag, text if equals else bare[flag]))
        elif flag in texts:
            value = text if equals else left.popleft() if left else None
            if value is None or (
                not equals and value.partition("=")[0] in (*texts, *switches, *bare)
            ):
                raise UsageError(f"{flag} needs a value")
            if flag in found.texts and flag not in several:
                raise UsageError(given_twice(flag, found.texts[flag], value))
            found.texts[flag] = value
            found.given.append((flag, value))
        elif foreign is not None and (meaning := foreign(argument, left[0] if left else None)):
            if meaning.takes_following:
                left.popleft()
            if meaning.answer and meaning.answer not in answers:
                answers.append(meaning.answer)
            left.extendleft(reversed(meaning.arguments))
            found.written.update({ours.partition("=")[0]: flag for ours in meaning.arguments})
        else:
            raise UsageError(
                f"there is no option {flag}{suggestion(flag, (*texts, *switches, *bare))}"
            )
    if answers:
        raise UsageError("\n".join(answers))
    return found


def given_twice(flag: str, first: str, second: str) -> str:
    return f"{flag} was given twice, as {first!r} and as {second!r}; it takes one value"


def suggestion(flag: str, known: Collection[str]) -> str:
    """The option that was meant, or where to look."""
    written = flag.replace("_", "-").lower()
    beginnings = [one for one in known if one.startswith(f"{written}-")]
    meant = nearest_to(written, known)
    if not meant and written.startswith("--") and len(beginnings) == 1:
        meant = beginnings[0]
    return f"; did you mean {meant}?" if meant else "; `--help` lists them"


def nearest_to(written: str, known: Collection[str]) -> str:
    """The one that is meant but for a slip of the hand, or nothing: a wrong guess is worse than none."""
    written = written.replace("_", "-").lower()
    slips, nearest = min(((slips_between(written, one), one) for one in known), default=(1, ""))
    letters = len(written.lstrip("-"))
    return nearest if letters > 1 and slips <= (1 if letters < LONG_NAME else 2) else ""


def slips_between(written: str, meant: str) -> int:
    """How many letters were left out, added, replaced, or swapped with their neighbours."""
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(written):
        earlier, before, row = before, row, [i + 1]
        for j, other in enumerate(meant):
            least = min(before[j] + (letter != other), before[j + 1] + 1, row[j] + 1)
            if i and j and (letter, written[i - 1]) == (meant[j - 1], other):
                least = min(least, earlier[j - 1] + 1)
            row.append(least)
    return row[-1]


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
