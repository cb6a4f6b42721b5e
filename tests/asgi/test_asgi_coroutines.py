"""`receive()` and `send()` are coroutines: a thrown exception is raised, and a cancelled call loses nothing."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator

import pytest

from arms import Arm
from asgi_journal import ask
from raw_http import RawClient
from raw_websocket import frame, open_websocket
from server_process import ServerProcess
from waiting import wait_until

FUZZ_ROUNDS = 12
TEXT = 1


def literal(body: bytes) -> object:
    return ast.literal_eval(body.decode("latin-1"))


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    options = (*arm.options, "--shards", "1")
    with ServerProcess("asgi_coroutines_app:app", *options) as server:
        yield server


def test_every_step_does_what_it_does_to_a_coroutine_of_python(server: ServerProcess) -> None:
    seen = ask(server, "/do/likeness")
    assert [kind for kind, _, _ in seen] == ["receive", "send", "receive that waits"]
    for kind, expected, found in seen:
        assert len(expected) >= 15
        for one, other in zip(expected, found, strict=True):
            if one[1].startswith("TypeError"):
                # Python has several texts for arguments that do not fit, and where it waits for a future they end it.
                assert other[1].startswith("TypeError"), kind
            else:
                assert other == one, kind


def test_what_it_waits_for_is_a_future_as_asyncio_knows_them(server: ServerProcess) -> None:
    expected, own = ask(server, "/do/future")
    assert len(expected) == 15
    assert own == expected


def test_task_that_waited_goes_on_in_its_own_context(server: ServerProcess) -> None:
    colours = ("red", "green")
    with RawClient(server) as one, RawClient(server) as other:
        for raw, colour in zip((one, other), colours, strict=True):
            raw.request("POST", f"/do/context?colour={colour}", "Content-Length: 4", body=b"he")
        # Both wait for the rest by then.
        assert ask(server, "/do/names")
        for raw, colour in zip((other, one), reversed(colours), strict=True):
            raw.send(b"re")
            assert literal(raw.answer().body) == ("none", colour, b"here")
    assert ask(server, "/do/context?colour=blue") == ("none", "blue", b"")


def test_loop_in_debug_mode_wakes_its_tasks_too(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        raw.request("POST", "/do/debug", "Content-Length: 5", body=b"he")
        # The app has its first part before the rest comes.
        other = ask(server, "/do/names")
        assert other
        raw.send(b"llo")
        assert raw.answer().body == b"hello"


def test_it_says_what_it_is(server: ServerProcess) -> None:
    closed = "CORO_CLOSED"
    assert ask(server, "/do/names") == [True, "receive", "send", closed, closed]


@pytest.mark.parametrize("act", ["group", "unawaited-receive"])
def test_receive_that_never_began_takes_no_message(server: ServerProcess, act: str) -> None:
    with RawClient(server) as raw:
        raw.request("POST", f"/do/{act}", "Content-Length: 5", body=b"hello")
        assert raw.answer().body == b"hello"
        raw.request("POST", f"/do/{act}", "Content-Length: 5")
        raw.send(b"hello")
        assert raw.answer().body == b"hello"


def test_timeout_of_zero_takes_no_message(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        raw.request("POST", "/do/impatient", "Content-Length: 5", body=b"hello")
        assert raw.answer().body == b"(100, b'hello')"


def test_send_that_never_began_sends_nothing(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        answer = raw.get("/do/unstarted-send").answer()
        assert (answer.status, answer.body) == (200, b"sent")


def test_wrong_message_raises_where_it_is_awaited(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        assert raw.get("/do/wrong").answer().body == b"RuntimeError"


def test_send_that_is_not_awaited_is_told_and_answered(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        assert raw.get("/do/unawaited-send").answer().status == 500
        told = (
            "the ASGI app returned without a response (a send() was not awaited: `await send(...)`)"
        )
        wait_until(lambda: told in server.log, "the server to say what is wrong")
        line = "RuntimeWarning: coroutine 'send' was never awaited, so its message was not sent"
        wait_until(lambda: line in server.log, "Python's warning")
        assert "asgi_coroutines_app.py" in server.log
        # The connection lives on.
        assert raw.get("/do/wrong").answer().status == 200


def test_cancellation_at_any_step_loses_no_piece_of_a_body(server: ServerProcess) -> None:
    chance = random.Random()
    for _ in range(FUZZ_ROUNDS):
        seed = chance.randrange(1 << 32)
        print(f"seed {seed}")
        own = random.Random(seed)
        pieces = [own.randbytes(own.randrange(1, 3000)) for _ in range(own.randrange(1, 40))]
        body = b"".join(pieces)
        with RawClient(server) as raw:
            raw.request("POST", f"/do/fuzz?seed={seed}", f"Content-Length: {len(body)}")
            for piece in pieces:
                raw.send(piece)
            assert raw.answer().body == body, f"seed {seed}"


def test_cancellation_at_any_step_loses_no_message(server: ServerProcess) -> None:
    chance = random.Random()
    for _ in range(FUZZ_ROUNDS):
        seed = chance.randrange(1 << 32)
        print(f"seed {seed}")
        own = random.Random(seed)
        texts = [b"%d" % number for number in range(own.randrange(1, 40))]
        with open_websocket(server, f"/fuzz?seed={seed}") as raw:
            for text in texts:
                raw.send(frame(TEXT, text))
            seen = [raw.frame().payload for _ in texts]
            assert seen == texts, f"seed {seed}"
            assert raw.say_goodbye() == 1000
