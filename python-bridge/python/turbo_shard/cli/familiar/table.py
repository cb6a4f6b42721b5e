"""All rows, and what a command line makes of an option that is not ours. Reads no environment and no file."""

from __future__ import annotations

from collections.abc import Collection

from ..command_line import Meaning
from . import of_apps, of_connections, of_processes, of_reporting, of_tls
from .row import Answer, Converted, Fate, Fixed, Met, Ours, Row, Words

ROWS: tuple[Row, ...] = (
    *of_connections.ROWS,
    *of_apps.ROWS,
    *of_processes.ROWS,
    *of_reporting.ROWS,
    *of_tls.ROWS,
)
FATES: dict[str, Fate] = {row.flag: row.fate for row in ROWS if row.flag.startswith("-")}


def meaning(argument: str, following: str | None, *, switches: Collection[str]) -> Meaning | None:
    """What an argument such as `--workers=4`, `--workers` or `-w4` comes to, with the one that follows it.

    `switches` has our options that take no value. None: no server has such an option.
    """
    flag, equals, text = argument.partition("=")
    if flag not in FATES and not argument.startswith("--"):
        flag, text = argument[:2], argument[2:].removeprefix("=")
        equals = text
    fate = FATES.get(flag)
    if fate is None:
        return None
    if isinstance(fate, Answer):
        return Meaning(answer=f"{flag}: {fate.sentence}")
    if takes_no_value(fate, switches):
        return Meaning(answer=f"{flag} takes no value") if equals else of_word(flag, fate, "")
    if equals:
        return of_value(flag, fate, text)
    if isinstance(fate, Words) and fate.alone is not None and following not in fate.known:
        return of_word(flag, fate.alone, "")
    if following is None:
        return Meaning(answer=f"{flag} needs a value")
    return of_value(flag, fate, following)._replace(takes_following=True)


def word_of(flag: str, text: str) -> Meaning | None:
    """What another server's word comes to that is given to an option which we have too: `--interface asgi3`."""
    fate = FATES.get(flag)
    if isinstance(fate, Words) and text in fate.known:
        return of_value(flag, fate, text)
    return None


def takes_no_value(fate: Fate, switches: Collection[str]) -> bool:
    return isinstance(fate, Met | Fixed) or (isinstance(fate, Ours) and fate.flag in switches)


def of_value(flag: str, fate: Fate, value: str) -> Meaning:
    match fate:
        case Converted(flags, convert, _):
            return Meaning(tuple(f"{ours}={convert(value)}" for ours in flags))
        case Words(known, others, _):
            return of_word(flag, known.get(value, others), value)
        case _:
            return of_word(flag, fate, value)


def of_word(flag: str, fate: Fate, value: str) -> Meaning:
    match fate:
        case Ours(flag=ours):
            return Meaning((f"{ours}={value}" if value else ours,))
        case Fixed(argument):
            return Meaning((argument,))
        case Answer(sentence):
            return Meaning(answer=f"{flag} {value}".rstrip() + f": {sentence}")
        case _:
            return Meaning()
