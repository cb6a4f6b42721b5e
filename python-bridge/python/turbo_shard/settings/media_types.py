"""Media types, and patterns of them: how they are written. Knows no setting."""

from __future__ import annotations

import re

EXPECTED = "a media type such as application/json, text/* or *+json"
TOKEN = r"[a-z0-9!#$&^_.+-]+"
PATTERN = re.compile(rf"{TOKEN}/({TOKEN}|\*)|\*\+{TOKEN}")


def checked_types(texts: tuple[str, ...]) -> tuple[str, ...]:
    """In lower case."""
    types = tuple(text.strip().lower() for text in texts)
    for one in types:
        if not PATTERN.fullmatch(one):
            raise ValueError(f"{one!r} is not {EXPECTED}")
    return types
