"""A WSGI app whose paths answer where they are called; all other paths are wsgi_app's."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterable, Iterator

import wsgi_app
from wsgi_app import PIECE, TEXT, Environ, Pieces, Start, seen


def thread(_environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return [threading.current_thread().name.encode()]


def held(environ: Environ, start: Start) -> Iterable[bytes]:
    """Takes the milliseconds that the query says, and says on which thread."""
    if milliseconds := int(environ["QUERY_STRING"]):
        time.sleep(milliseconds / 1000)
    return thread(environ, start)


def own_server(environ: Environ, start: Start) -> Iterable[bytes]:
    """Asks its own server who it is."""
    host, port = environ["SERVER_NAME"], int(environ["SERVER_PORT"])
    connection = http.client.HTTPConnection(host, port, timeout=20)
    connection.request("GET", "/thread", headers={"Connection": "close"})
    answer = connection.getresponse().read()
    connection.close()
    start("200 OK", TEXT)
    return [answer]


def sometimes(environ: Environ, start: Start) -> Iterable[bytes]:
    """A list, or what the query names. All name the thread that the answer began on."""
    seen.set(threading.current_thread().name)
    lines = [*TEXT, ("X-Thread", seen.get())]

    def pieces(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield PIECE
        yield seen.get().encode()

    match environ["QUERY_STRING"]:
        case "stream":
            start("200 OK", lines)
            return Pieces("sometimes/stream", pieces(64))
        case "few":
            start("200 OK", lines)
            return Pieces("sometimes/few", pieces(1))
        case "write":
            send = start("200 OK", lines)
            for _ in range(64):
                send(PIECE)
            return Pieces("sometimes/write", pieces(0))
        case "lazy-write":

            def lazy() -> Iterator[bytes]:
                start("200 OK", lines)(PIECE)
                yield from pieces(0)

            return Pieces("sometimes/lazy-write", lazy())
        case "broken":
            start("200 OK", lines)

            def broken() -> Iterator[bytes]:
                yield from pieces(64)
                raise ValueError("a secret that only the log may see")

            return Pieces("sometimes/broken", broken())
    start("200 OK", lines)
    return [seen.get().encode()]


PATHS = {
    "/thread": thread,
    "/held": held,
    "/own-server": own_server,
    "/sometimes": sometimes,
}


def app(environ: Environ, start: Start) -> Iterable[bytes]:
    return PATHS.get(environ["PATH_INFO"], wsgi_app.app)(environ, start)
