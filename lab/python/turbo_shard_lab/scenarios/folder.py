"""The files of a run: results and reports are replaced in one step, pages between their markers. Measures nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from ..command_text import command_line
from ..report.pages import write_between_markers


def replace_file(file: Path, content: str) -> None:
    """A reader finds the old or the new content, never a part."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    new.write_text(content)
    new.replace(file)


def write_part(page: Path, part: str, text: str, date: str) -> int:
    """Puts the text between the markers of a part; the exit status."""
    if not write_between_markers(page, part, text):
        return refuse(f"{page} does not have the markers of {part}", 1)
    say(f"{page} has the figures of {date}")
    return 0


def own_command(script: str) -> str:
    """How this process was started, as a person types it in the checkout."""
    return command_line([script, *sys.argv[1:]])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def refuse(text: str, status: int) -> int:
    say(f"bench: {text}")
    return status
