"""What becomes of each option of another server, as the tables of docs/from-*.md."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from turbo_shard.cli.familiar.row import (
    Answer,
    Converted,
    Fate,
    Fixed,
    Met,
    Ours,
    Peer,
    Words,
)
from turbo_shard.cli.familiar.table import ROWS

ROOT = Path(__file__).resolve().parent.parent
TAKEN = "Taken or translated"
MET = "Taken, with nothing to be done"
ANSWERED = "Answered"
# The heading of each part, and of its second column.
PARTS = {TAKEN: "here", MET: "because", ANSWERED: "the sentence"}
RECORD = json.loads((ROOT / "tests/cli/peer_options.json").read_text())


def options_of(name: str) -> str:
    """The options of a server in three parts: those with a meaning here, those that are met anyway, all others."""
    peer = Peer[name.upper()]
    flags: dict[str, list[str]] = {}
    part_of: dict[str, str] = {}
    for row in (row for row in ROWS if row.peers & peer):
        meanings = meanings_of(row.fate, RECORD[name]["options"][row.flag])
        text = in_words(row.fate, meanings, {row.flag, *RECORD[name]["options"]})
        flags.setdefault(text, []).append(row.flag)
        part_of[text] = part_for([fate for fate, _ in meanings])
    version = RECORD[name]["version"]
    return "\n\n".join(
        f"## {heading}\n\n"
        + table(
            (f"{name} {version}", column),
            ((flags[text], text) for text in flags if part_of[text] == heading),
        )
        for heading, column in PARTS.items()
    )


def part_for(fates: list[Fate]) -> str:
    if any(isinstance(fate, Ours | Fixed | Converted) for fate in fates):
        return TAKEN
    return MET if all(isinstance(fate, Met) for fate in fates) else ANSWERED


def meanings_of(fate: Fate, option: dict[str, Any]) -> list[tuple[Fate, list[str]]]:
    """What it may mean to this server's users, each with the words that it stands for; none: any other."""
    if not isinstance(fate, Words):
        return [(fate, [])]
    if not option["takes_value"]:
        return [(fate.others if fate.alone is None else fate.alone, [])]
    found: list[tuple[Fate, list[str]]] = []
    for word in option["words"] or fate.known:
        meaning: Fate = fate.known.get(word, fate.others)
        if meaning == fate.others:
            continue
        same = [words for one, words in found if one == meaning]
        if same:
            same[0].append(word)
        else:
            found.append((meaning, [word]))
    if not option["words"] or not set(option["words"]) <= fate.known.keys():
        found.append((fate.others, []))
    return [(found[0][0], [])] if len(found) == 1 else found


def table(heads: tuple[str, str], rows: Iterable[tuple[list[str], str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|---|---|"]
    lines += [f"| {', '.join(f'`{flag}`' for flag in flags)} | {text} |" for flags, text in rows]
    return "\n".join(lines)


def in_words(fate: Fate, meanings: list[tuple[Fate, list[str]]], theirs: set[str]) -> str:
    if isinstance(fate, Converted):
        return f"{' and '.join(f'`{ours}`' for ours in fate.flags)}: {fate.note}"
    if len(meanings) == 1:
        return one_in_words(meanings[0][0], theirs)
    return "; ".join(
        f"{', '.join(f'`{word}`' for word in words) or 'any other'}: {one_in_words(one, theirs)}"
        for one, words in meanings
    )


def one_in_words(fate: Fate, theirs: set[str]) -> str:
    """`theirs` are the options of the other server, of which some have the name of ours that does it."""
    match fate:
        case Ours(ours, note):
            words = "the same" if ours in theirs else f"`{ours}`"
            return f"{words}: {note}" if note else words
        case Fixed(argument):
            return f"`{argument}`"
        case Answer(sentence):
            return sentence
        case Met(note):
            return note
        case _:
            raise TypeError(f"{fate} is of several words")
