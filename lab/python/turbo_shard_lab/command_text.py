"""How commands and messages read in a report: without paths of the machine that ran them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_URL = re.compile(r"\bhttps?://(?!127\.|localhost)[^\s'\"]+")


def without_traces(text: str, directory: Path | None = None) -> str:
    """The text without the place of `directory` (the current one), the user's home and hosts of packages."""
    here = directory or Path.cwd()
    # A directory directly below / has a name too plain to search for.
    if len(here.parts) > 2:
        text = text.replace(f"{here}/", "").replace(str(here), ".")
    home = str(Path.home())
    if home != "/":
        text = text.replace(home, "~")
    return _URL.sub("(address)", text)


def command_line(command: Iterable[str], directory: Path | None = None) -> str:
    """The command as a person types it there."""
    return " ".join(without_traces(word, directory) for word in map(quoted, command))


def quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w./:=,@%+-]+", word) else "'" + word.replace("'", "'\\''") + "'"
