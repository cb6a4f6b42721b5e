"""What becomes of an option of another server. Holds no row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Flag, auto
from typing import NamedTuple


class Peer(Flag):
    """The servers whose options are known, at the versions of requirements/peers.txt."""

    UVICORN = auto()
    GRANIAN = auto()
    GUNICORN = auto()
    HYPERCORN = auto()


U, G, N, H = Peer.UVICORN, Peer.GRANIAN, Peer.GUNICORN, Peer.HYPERCORN


class Ours(NamedTuple):
    """An option of ours means the same, and takes the same value."""

    flag: str
    # What differs in small things.
    note: str = ""


class Fixed(NamedTuple):
    """A switch of ours says it, or an option of ours with this value, as in `--log-level=debug`."""

    argument: str


class Converted(NamedTuple):
    """Options of ours say the same with another value."""

    flags: tuple[str, ...]
    # The value for all of them. A text that it cannot read is returned as it is, for the option's reader to refuse.
    convert: Callable[[str], str]
    note: str


class Met(NamedTuple):
    """What it asks for is so anyway: it is taken, and nothing has to be done."""

    note: str


class Answer(NamedTuple):
    """It is refused with this sentence, which follows its name and a colon."""

    sentence: str


type Word = Ours | Fixed | Met | Answer


class Words(NamedTuple):
    """Some of its words mean one thing, all others another."""

    known: Mapping[str, Word]
    others: Ours | Answer
    # What it means without a value, if it may stand alone; only a known word then belongs to it.
    alone: Met | Answer | None = None


type Fate = Ours | Fixed | Converted | Met | Answer | Words


class Row(NamedTuple):
    """An option as these peers spell it; a setting of gunicorn that has no flag has its name without dashes."""

    peers: Peer
    flag: str
    fate: Fate


def as_unix_bind(text: str) -> str:
    return f"unix:{text}"


def as_fd_bind(text: str) -> str:
    return f"fd://{text}"


def as_it_is(text: str) -> str:
    return text


def seconds_of_milliseconds(text: str) -> str:
    return f"{int(text) / 1000:g}" if text.isascii() and text.isdigit() else text


def seconds_of_duration(text: str) -> str:
    """granian's durations, such as 90, 30s or 1h30m."""
    import re

    match = re.fullmatch(
        r"(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text, flags=re.ASCII
    )
    if match is None:
        return text
    sizes = (86_400, 3_600, 60, 1)
    return str(sum(int(part or 0) * size for part, size in zip(match.groups(), sizes, strict=True)))
