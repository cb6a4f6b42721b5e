"""Header lines that are to be on every answer: how they are written, and which cannot be. Knows no setting."""

from __future__ import annotations

import re

# A token of RFC 9110 section 5.6.2.
NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
EXPECTED = "a header line such as x-frame-options:DENY"
BYTES_MAX = 8 * 1024

FRAMING = "the server frames each answer itself"
ONE_BODY = "it is true of one answer's body alone; the app sets it"
NOT_OURS = {
    "connection": FRAMING,
    "content-encoding": ONE_BODY,
    "content-length": FRAMING,
    "content-range": ONE_BODY,
    "content-type": ONE_BODY,
    "date": "the server keeps it; --no-date-header leaves it out",
    "keep-alive": FRAMING,
    "proxy-connection": FRAMING,
    "server": "it has an option of its own, --server-header=TEXT",
    "te": FRAMING,
    "trailer": FRAMING,
    "transfer-encoding": FRAMING,
    "upgrade": FRAMING,
}


def is_field_value(text: str) -> bool:
    """Whether it can be sent: Latin-1 without control characters other than tabs (RFC 9110 section 5.5)."""
    return all(char == "\t" or (" " <= char <= "\xff" and char != "\x7f") for char in text)


def is_own_name(text: str) -> bool:
    """Whether a server may set this field of requests and answers; WSGI knows no dots and the like in names."""
    is_name = re.fullmatch(r"[A-Za-z0-9_-]+", text, flags=re.ASCII) is not None
    return is_name and text.lower() not in (*NOT_OURS, *NOT_FOR_IDS)


# Fields that mean something to servers or proxies, besides those above.
NOT_FOR_IDS = (
    *("host", "expect", "authorization", "cookie", "set-cookie", "location", "forwarded"),
    *("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"),
    *("x-forwarded-prefix", "traceparent", "tracestate", "cache-control", "vary", "etag"),
)


def checked_line(text: str) -> str:
    """`name: value`. What cannot be one is a ValueError that completes `'…' is not`, or has a reason."""
    name, colon, value = text.partition(":")
    value = value.strip(" \t")
    if not colon or not NAME.fullmatch(name) or not is_field_value(value):
        raise ValueError(f"{text!r} is not {EXPECTED}")
    if reason := NOT_OURS.get(name.lower()):
        raise ValueError(f"{name} cannot be on every answer: {reason}")
    return f"{name}: {value}"


def checked_lines(lines: tuple[str, ...]) -> tuple[str, ...]:
    checked = tuple(map(checked_line, lines))
    # Each line has its end, too.
    if sum(len(line) + 2 for line in checked) > BYTES_MAX:
        raise ValueError(f"more than {BYTES_MAX // 1024} KiB on every answer are too many")
    return checked
