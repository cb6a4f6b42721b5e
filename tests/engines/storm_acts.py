"""What clients do to a server, well and badly: each act is one connection's life, chosen by a seeded generator.

An act raises where the server did wrong; a cut is wrong only if the act had asked for nothing odd.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from random import Random

from raw_http import CutShort, RawClient
from server_process import ServerProcess

# A request, and the body of its answer.
type Asked = tuple[bytes, bytes]

KINDS = ["sync", "async", "blocking"]


def piece(number: int) -> bytes:
    return b"%08d" % number * 512


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: storm\r\n\r\n".encode()


def some_request(rng: Random) -> Asked:
    """A request whose answer no other request gets."""
    tag = f"{rng.getrandbits(64):x}"
    match rng.randrange(8):
        case 0 | 1 | 2:
            return get(f"/sync/{tag}"), tag.encode()
        case 3:
            return get(f"/async/{tag}?ms={rng.randrange(10)}"), tag.encode()
        case 4:
            return get(f"/blocking/{tag}?ms={rng.randrange(5)}"), tag.encode()
        case 5:
            pieces = rng.randrange(1, 40)
            target = f"/stream/{rng.choice(KINDS)}/{pieces}"
            return get(target), b"".join(piece(number) for number in range(pieces))
        case 6:
            body = tag.encode() * rng.randrange(2000)
            return some_upload(rng, body), body
        case _:
            pieces = rng.randrange(1, 60)
            return get(f"/long/{pieces}"), b"".join(piece(number) for number in range(pieces))


def some_upload(rng: Random, body: bytes) -> bytes:
    target = rng.choice(["/echo", "/async/echo"])
    if rng.random() < 0.5:
        lines, framed = f"Content-Length: {len(body)}", body
    else:
        lines, framed = "Transfer-Encoding: chunked", b""
        while body:
            size = rng.randrange(1, 5000)
            framed += b"%x\r\n%b\r\n" % (len(body[:size]), body[:size])
            body = body[size:]
        framed += b"0\r\n\r\n"
    return f"POST {target} HTTP/1.1\r\nHost: storm\r\n{lines}\r\n\r\n".encode() + framed


def some_requests(rng: Random) -> list[Asked]:
    return [some_request(rng) for _ in range(rng.randrange(1, 20))]


def send_in_pieces(rng: Random, raw: RawClient, data: bytes) -> None:
    while data:
        size = rng.choice([1, 7, 100, 5000, len(data)])
        raw.send(data[:size])
        data = data[size:]
        if rng.random() < 0.1:
            time.sleep(0.001)


def expect(raw: RawClient, asked: list[Asked]) -> None:
    """Reads the answers: all of them, whole, in order."""
    for request, body in asked:
        answer = raw.answer()
        line = request.partition(b"\r\n")[0]
        assert answer.status == 200, (answer.status, line)
        assert answer.body == body, (line, len(answer.body), len(body))


def part_somehow(rng: Random, raw: RawClient) -> None:
    if rng.random() < 0.5:
        raw.reset()
    else:
        raw.socket.close()


def converse(rng: Random, raw: RawClient) -> None:
    """Asks one by one, as a browser does."""
    for asked in some_requests(rng)[:5]:
        send_in_pieces(rng, raw, asked[0])
        expect(raw, [asked])


def pipeline(rng: Random, raw: RawClient) -> None:
    asked = some_requests(rng)
    send_in_pieces(rng, raw, b"".join(request for request, _ in asked))
    expect(raw, asked)


def pipeline_and_half_close(rng: Random, raw: RawClient) -> None:
    """Sends everything, and perhaps the beginning of another request, then only listens."""
    asked = some_requests(rng)
    leftover = rng.choice([b"", b"\r\n", b"\r", b"GET /sy", get("/sync/x")[:-1]])
    raw.send(b"".join(request for request, _ in asked) + leftover)
    raw.socket.shutdown(socket.SHUT_WR)
    expect(raw, asked)
    assert raw.rest() == b""


def pipeline_and_leave(rng: Random, raw: RawClient) -> None:
    asked = some_requests(rng)
    data = b"".join(request for request, _ in asked)
    raw.send(data[: rng.randrange(len(data))] if rng.random() < 0.5 else data)
    wanted = rng.randrange(3)
    if wanted and data:
        raw.socket.settimeout(0.02)
        with contextlib.suppress(TimeoutError):
            raw.socket.recv(wanted * 1000)
    part_somehow(rng, raw)


def leave_a_stream(rng: Random, raw: RawClient) -> None:
    """Reads a little of an endless answer, or nothing for a while."""
    if rng.random() < 0.5:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    raw.send(get(f"/stream/{rng.choice(KINDS)}/0"))
    if rng.random() < 0.3:
        raw.socket.shutdown(socket.SHUT_WR)
    if rng.random() < 0.7:
        _version, status, _headers = raw.head()
        if status == 200:
            for number in range(rng.randrange(100)):
                assert raw.chunk() == piece(number)
    if rng.random() < 0.3:
        time.sleep(rng.random() * 0.05)
    part_somehow(rng, raw)


def break_off_an_upload(rng: Random, raw: RawClient) -> None:
    data = some_upload(rng, b"x" * rng.randrange(1, 300_000))
    raw.send(data[: rng.randrange(1, len(data))])
    if rng.random() < 0.5:
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.rest() == b"", "half a request has no answer"
    part_somehow(rng, raw)


def wait_for_continue(rng: Random, raw: RawClient) -> None:
    body = b"y" * rng.randrange(1, 10_000)
    lines = f"Host: storm\r\nExpect: 100-continue\r\nContent-Length: {len(body)}"
    raw.send(f"POST {rng.choice(['/echo', '/async/echo'])} HTTP/1.1\r\n{lines}\r\n\r\n".encode())
    if rng.random() < 0.3:
        part_somehow(rng, raw)
        return
    assert raw.head()[1] == 100
    if rng.random() < 0.3:
        part_somehow(rng, raw)
        return
    send_in_pieces(rng, raw, body)
    expect(raw, [(b"POST with 100-continue", body)])


def upload_unread(rng: Random, raw: RawClient) -> None:
    """An answer that does not wait for the body: the connection lives on or not, as the answer says."""
    body = b"z" * rng.choice([10, 60_000, 500_000])
    head = f"POST /unread HTTP/1.1\r\nHost: storm\r\nContent-Length: {len(body)}\r\n\r\n"
    raw.send(head.encode() + body)
    answer = raw.answer()
    assert (answer.status, answer.body) == (200, b"unread")
    if answer.header("connection") == "close":
        assert raw.rest() == b""
    else:
        asked = some_request(rng)
        raw.send(asked[0])
        expect(raw, [asked])


def talk_nonsense(rng: Random, raw: RawClient) -> None:
    asked = some_requests(rng)[:3]
    nonsense = rng.choice(
        [b"\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", rng.randbytes(50)]
    )
    raw.send(b"".join(request for request, _ in asked) + nonsense + b"\r\n\r\n")
    expect(raw, asked)
    rest = raw.rest()
    assert rest == b"" or rest.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")), rest


def leave_before_the_answer(rng: Random, raw: RawClient) -> None:
    raw.send(get(f"/{rng.choice(['async', 'blocking'])}/gone?ms={rng.randrange(30)}"))
    if rng.random() < 0.5:
        time.sleep(rng.random() * 0.01)
    part_somehow(rng, raw)


def say_nothing(rng: Random, raw: RawClient) -> None:
    part_somehow(rng, raw)


def stop_the_world(rng: Random, raw: RawClient) -> None:
    raw.send(get("/collect"))
    answer = raw.answer()
    assert answer.status == 200
    assert float(answer.body) < 10.0, f"a stop of the world took {float(answer.body)} s"


ACTS: list[Callable[[Random, RawClient], None]] = [
    converse,
    pipeline,
    pipeline,
    pipeline_and_half_close,
    pipeline_and_leave,
    leave_a_stream,
    leave_a_stream,
    break_off_an_upload,
    wait_for_continue,
    upload_unread,
    talk_nonsense,
    leave_before_the_answer,
    say_nothing,
    stop_the_world,
]


def play(server: ServerProcess, seed: int) -> str | None:
    """Plays the seed's act; returns what went wrong."""
    rng = Random(seed)
    act = rng.choice(ACTS)
    try:
        with RawClient(server) as raw:
            act(rng, raw)
    except (AssertionError, CutShort, OSError, ValueError) as error:
        return f"{act.__name__} with seed {seed}: {type(error).__name__}: {error}"
    return None
