"""Paths of URLs, of one or of all that begin alike. Knows no setting by name."""

from __future__ import annotations

import re

EXPECTED = "such as /health, or /static/* for all below /static/"


def checked_paths(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        if re.fullmatch(r"/[^?#\s*]*\*?", text) is None or not text.isprintable():
            raise ValueError(f"{text!r} is no path {EXPECTED}")
    return texts
