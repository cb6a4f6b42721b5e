"""Cases of WebSockets that are the same whatever carries them: HTTP/1.1 after an upgrade, or a stream of HTTP/2."""

from __future__ import annotations

import struct

from raw_websocket import CLOSE, CONTINUATION, PING, TEXT, close_frame, frame

# Name, what a client sends, and the code of the close that answers it.
BAD_FRAMES: list[tuple[str, bytes, int]] = [
    ("not masked", frame(TEXT, b"hello", masked=False), 1002),
    ("reserved bit", bytes([0xC1 | 0x30, 0x80]) + bytes(4), 1002),
    ("reserved opcode", frame(0x3), 1002),
    ("long ping", frame(PING, bytes(126)), 1002),
    ("ping in pieces", frame(PING, fin=False), 1002),
    ("continuation of nothing", frame(CONTINUATION, b"x"), 1002),
    ("message in message", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    ("text that is no text", frame(TEXT, b"\xff\xfe"), 1007),
    ("half a character", frame(TEXT, "é".encode()[:1]), 1007),
    ("close code of one byte", frame(CLOSE, b"\x03"), 1002),
    ("close code that is none", close_frame(1005), 1002),
    ("close reason that is no text", frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007),
]

# Size and number of messages: more than may wait for the app, in number or in bytes, and less than is read beyond.
UNREAD = [(0, 0), (10, 200), (10, 1000), (20_000, 5)]

# The code and reason that a client closes with, and the code that its app hears.
GOODBYES: list[tuple[int | None, str, int]] = [
    (1000, "", 1000),
    (4321, "why é", 4321),
    (None, "", 1005),
]
