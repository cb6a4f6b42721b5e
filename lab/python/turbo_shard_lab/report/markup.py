"""Makes any text safe to stand in HTML and SVG. Does not know what the text says."""

from __future__ import annotations

import re
from html import escape

# Characters that no document may contain, escaped or not; a server's last words may.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def escaped(text: str) -> str:
    return escape(printable(text))


def printable(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
