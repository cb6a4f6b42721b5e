"""A WSGI app whose paths let a test look inside: the environ, the body in all its ways, every kind of answer.

A gate is a file in $GATE_DIR. `app` is as strict or as sloppy as a path wants, `validated` passes wsgiref's validator,
`make_app` makes apps that say which of them they are.
"""

from __future__ import annotations

import contextvars
import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

type Environ = dict[str, Any]
type Start = Callable[..., Callable[[bytes], object]]

TEXT = [("Content-Type", "text/plain")]
PIECE = b"x" * 65536

counts_lock = threading.Lock()
counts: dict[str, int] = {}
seen = contextvars.ContextVar("seen", default="nothing")


def count(name: str) -> None:
    with counts_lock:
        counts[name] = counts.get(name, 0) + 1


def wait_for_gate(name: str) -> None:
    while not (Path(os.environ["GATE_DIR"]) / name).exists():
        time.sleep(0.002)


def as_json(start: Start, value: object) -> list[bytes]:
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(value).encode()]


class Pieces:
    """A body that counts how the server treats it."""

    def __init__(self, name: str, pieces: Iterable[bytes]) -> None:
        self.name = name
        self.pieces = iter(pieces)

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            count(f"{self.name}/yielded")
            yield piece
        count(f"{self.name}/exhausted")

    def close(self) -> None:
        count(f"{self.name}/closed")


def read_counts(_environ: Environ, start: Start) -> Iterable[bytes]:
    with counts_lock:
        return as_json(start, counts)


def show_environ(environ: Environ, start: Start) -> Iterable[bytes]:
    return as_json(
        start,
        {
            key: value if isinstance(value, (str, bool, int, tuple)) else type(value).__name__
            for key, value in environ.items()
        },
    )


def read_input(environ: Environ, start: Start) -> Iterable[bytes]:
    """The ways to read that the query asks for, one after another."""
    body = environ["wsgi.input"]
    ways: dict[str, Callable[[], object]] = {
        "read": body.read,
        "read3": lambda: body.read(3),
        "read-1": lambda: body.read(-1),
        "line": body.readline,
        "line2": lambda: body.readline(2),
        "lines": body.readlines,
        "lines4": lambda: body.readlines(4),
        "iterate": lambda: list(body),
        "text": lambda: io.TextIOWrapper(body, "latin-1").read(),
    }
    read = [ways[way]() for way in environ["QUERY_STRING"].split(",")]
    return as_json(start, repr(read))


def echo(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "application/octet-stream")])
    return [environ["wsgi.input"].read()]


def status(environ: Environ, start: Start) -> Iterable[bytes]:
    start(environ["QUERY_STRING"].replace("%20", " "), TEXT)
    return [b"a body"]


def several(_environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return [b"one ", b"", b"two ", b"three"]


def write(_environ: Environ, start: Start) -> Iterable[bytes]:
    send = start("200 OK", TEXT)
    send(b"")
    send(b"written ")
    send(b"twice ")
    return [b"and ", b"returned"]


def generator(_environ: Environ, start: Start) -> Iterable[bytes]:
    """Gives its headers only when the server asks for its body."""
    start("200 OK", TEXT)
    yield b""
    yield b"first "
    yield b"second"


def known_length(_environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [*TEXT, ("Content-Length", "5")])
    return Pieces("known-length", [b"", b"whole", b""])


def too_long(environ: Environ, start: Start) -> Iterable[bytes]:
    """More than its length says, in the way that the query names."""
    send = start("206 Partial Content", [*TEXT, ("Content-Length", "5")])
    match environ["QUERY_STRING"]:
        case "list":
            return [b"whol", b"e and more"]
        case "at-once":
            return Pieces("too-long/at-once", [b"whole and more"])
        case "late":
            return Pieces("too-long/late", [b"wh", b"ol", b"e and", b" more"])
        case "file":
            return environ["wsgi.file_wrapper"](io.BytesIO(b"whole file" * 100_000))  # type: ignore[no-any-return]
        case "write":
            send(b"who")
            send(b"le and more")
    return Pieces("too-long", [b"whole", b" and more"])


def hop(environ: Environ, start: Start) -> Iterable[bytes]:
    """Relays a header that was meant for the app itself."""
    start("200 OK", [*TEXT, (environ["QUERY_STRING"], "a, b"), ("Content-Length", "7")])
    return [b"relayed"]


def nominated(_environ: Environ, start: Start) -> Iterable[bytes]:
    own = [("X-Hop", "1"), ("Connection", "X-Hop, Content-Type"), ("X-End", "kept")]
    start("200 OK", [*TEXT, *own])
    return [b"relayed"]


def too_short(_environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [*TEXT, ("Content-Length", "50")])
    return Pieces("too-short", [b"half"])


def gated(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)

    def pieces() -> Iterator[bytes]:
        yield b"first"
        wait_for_gate(environ["QUERY_STRING"])
        yield b"second"

    return Pieces("gated", pieces())


def blocking(environ: Environ, start: Start) -> Iterable[bytes]:
    count(f"blocking/{environ['QUERY_STRING']}")
    wait_for_gate(environ["QUERY_STRING"])
    start("200 OK", TEXT)
    return [b"opened"]


def endless(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return Pieces(f"endless/{environ['QUERY_STRING']}", iter(lambda: PIECE, b""))


def endless_write(_environ: Environ, start: Start) -> Iterable[bytes]:
    send = start("200 OK", TEXT)
    try:
        while True:
            send(PIECE)
            count("endless/write/yielded")
    except BrokenPipeError:
        count("endless/write/closed")
        raise


def file(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    path = Path(os.environ["GATE_DIR"]) / environ["QUERY_STRING"]
    return environ["wsgi.file_wrapper"](path.open("rb"), 1000)  # type: ignore[no-any-return]


def errors(environ: Environ, start: Start) -> Iterable[bytes]:
    environ["wsgi.errors"].write("a line for wsgi.errors\n")
    environ["wsgi.errors"].writelines(["and ", "another one\n"])
    environ["wsgi.errors"].flush()
    return as_json(start, environ["wsgi.errors"].encoding.lower())


def context(environ: Environ, start: Start) -> Iterable[bytes]:
    before = seen.get()
    seen.set(environ["QUERY_STRING"])
    start("200 OK", TEXT)
    # The generator still sees what the call has set.
    return (piece().encode() for piece in (lambda: before, lambda: f" {seen.get()}"))


def raises(environ: Environ, start: Start) -> Iterable[bytes]:
    """An exception at the moment that the query names."""
    moment = environ["QUERY_STRING"]
    if moment == "before":
        raise ValueError("a secret that only the log may see")
    start("200 OK", TEXT)
    if moment == "after-start":
        raise ValueError("a secret that only the log may see")

    def pieces() -> Iterator[bytes]:
        if moment == "midway":
            yield b"first"
        raise ValueError("a secret that only the log may see")

    return Pieces(f"raises/{moment}", pieces())


def exits(_environ: Environ, _start: Start) -> Iterable[bytes]:
    sys.exit("an app does not end the server")


def close_raises(_environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)

    class Unclosable(Pieces):
        def close(self) -> None:
            raise ValueError("close() fails")

    return Unclosable("unclosable", [b"all is well"])


def exc_info(environ: Environ, start: Start) -> Iterable[bytes]:
    """Replaces its answer by an error's, before or after the headers have gone."""
    send = start("200 OK", [*TEXT, ("X-First", "yes")])
    if environ["QUERY_STRING"] == "after":
        send(b"begun")
    try:
        raise ValueError("what exc_info tells of")
    except ValueError:
        start("500 Oops", [*TEXT, ("X-Second", "yes")], exc_info=sys.exc_info())
    return [b"an error page"]


def late(_environ: Environ, start: Start) -> Iterable[bytes]:
    """Keeps `write` after its request, and says what becomes of that."""
    send = start("200 OK", TEXT)

    class Late(Pieces):
        def close(self) -> None:
            try:
                send(b"too late")
            except RuntimeError as error:
                count(f"late/{error}")

    return Late("late", [b"in time"])


def wrong(environ: Environ, start: Start) -> Any:
    """What an app must not do."""
    match environ["QUERY_STRING"]:
        case "twice":
            start("200 OK", TEXT)
            start("200 OK", TEXT)
        case "no-start":
            return [b"body"]
        case "no-start-empty":
            return []
        case "none":
            start("200 OK", TEXT)
            return None
        case "bytes":
            start("200 OK", TEXT)
            return b"body"
        case "str":
            start("200 OK", TEXT)
            return ["body"]
        case "str-generator":
            start("200 OK", TEXT)
            return (text for text in ["body"])
        case "write-str":
            start("200 OK", TEXT)("body")  # type: ignore[arg-type]
        case "bytes-status":
            start(b"200 OK", TEXT)
        case "no-number":
            start("OK", TEXT)
        case "interim":
            start("100 Continue", TEXT)
        case "tuple-headers":
            start("200 OK", tuple(TEXT))
        case "list-header":
            start("200 OK", [["a", "b"]])
        case "bytes-value":
            start("200 OK", [("x-probe", b"b")])
        case "wide-value":
            start("200 OK", [("x-probe", "\u20ac")])
        case "split":
            start("200 OK", [("x-probe", "a\r\nx-evil: b")])
        case "exc-info":
            start("200 OK", TEXT)(b"begun")
            start("200 OK", TEXT, "no tuple")
    return [b"body"]


PATHS: dict[str, Callable[[Environ, Start], Iterable[bytes]]] = {
    "/counts": read_counts,
    "/input": read_input,
    "/echo": echo,
    "/status": status,
    "/several": several,
    "/write": write,
    "/generator": generator,
    "/known-length": known_length,
    "/too-long": too_long,
    "/hop": hop,
    "/nominated": nominated,
    "/too-short": too_short,
    "/gated": gated,
    "/blocking": blocking,
    "/endless": endless,
    "/endless-write": endless_write,
    "/file": file,
    "/errors": errors,
    "/context": context,
    "/raises": raises,
    "/exits": exits,
    "/close-raises": close_raises,
    "/exc-info": exc_info,
    "/late": late,
    "/wrong": wrong,
}


def app(environ: Environ, start: Start) -> Iterable[bytes]:
    return PATHS.get(environ["PATH_INFO"], show_environ)(environ, start)


def conforming(environ: Environ, start: Start) -> Iterable[bytes]:
    """Answers with the request's body, in the way that the path names."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) or b"nothing"
    environ["wsgi.errors"].flush()
    send = start("200 OK", TEXT)
    if environ["REQUEST_METHOD"] == "HEAD":
        return []
    match environ["PATH_INFO"]:
        case "/write":
            send(body)
            return [b""]
        case "/generator":
            return (body[at : at + 1] for at in range(len(body)))
    return [body]


validated = validator(conforming)  # type: ignore[arg-type]


def make_app() -> Callable[[Environ, Start], Iterable[bytes]]:
    def named(_environ: Environ, start: Start) -> Iterable[bytes]:
        return as_json(start, [id(named), threading.current_thread().name])

    return named
