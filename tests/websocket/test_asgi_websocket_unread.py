"""WebSockets whose app reads nothing: pings are answered, a close is heard at once, no message before it is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arms import Arm
from asgi_journal import Act
from raw_websocket import BINARY, PING, PONG, RawWebSocket, close_frame, frame, open_websocket
from server_process import ServerProcess
from waiting import wait_until
from websocket_cases import UNREAD


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    arguments = ("asgi_websocket_app:app", *arm.options, "--shards", "1")
    with ServerProcess(*arguments) as server:
        yield server


def unread(server: ServerProcess, size: int, count: int) -> tuple[Act, RawWebSocket]:
    """An app that waits at its gate, and messages that wait for it."""
    act = Act(server, "sleeps")
    websocket = open_websocket(server, act.target)
    websocket.send(frame(BINARY, bytes(size)) * count)
    return act, websocket


@pytest.mark.parametrize(("size", "count"), UNREAD)
def test_a_ping_is_answered_though_the_app_reads_nothing(
    server: ServerProcess, size: int, count: int
) -> None:
    act, websocket = unread(server, size, count)
    with websocket:
        for payload in (b"one", b"two"):
            websocket.send(frame(PING, payload))
            assert websocket.frame() == (PONG, payload, True)
        act.open_gate()
        wait_until(lambda: len(act.entries()) == count, "the app has all messages")
        assert websocket.say_goodbye() == 1000


@pytest.mark.parametrize(("size", "count"), UNREAD)
def test_a_close_is_answered_at_once_and_the_app_gets_what_came_before_it(
    server: ServerProcess, size: int, count: int
) -> None:
    act, websocket = unread(server, size, count)
    with websocket:
        websocket.send(close_frame(4000, "bye"))
        assert websocket.close_code() == 4000
        assert websocket.rest() == b""
    act.open_gate()
    closed = {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
    wait_until(lambda: act.entries() == [size] * count + [closed], "all messages, then the close")


def test_a_client_that_leaves_before_it_is_accepted_is_1006(server: ServerProcess) -> None:
    act = Act(server, "hold-handshake")
    with RawWebSocket(server) as websocket:
        websocket.ask(act.target)
        act.wait_for("connecting")
    # Its end is heard before the gate's request comes, on the same shard and in this order.
    act.open_gate()
    closed = {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    act.wait_for(("OSError", "the client has disconnected"), closed)


def test_an_app_whose_client_was_reset_before_it_accepted_is_told_so_until_its_end(
    server: ServerProcess,
) -> None:
    act = Act(server, "goes-on")
    with RawWebSocket(server) as websocket:
        websocket.ask(act.target)
        act.wait_for("connecting")
        websocket.reset()
    act.open_gate()
    gone = ("OSError", "the client has disconnected")
    wait_until(lambda: act.entries() == ["connecting", gone, gone], "accept and send raise")


def test_messages_after_the_end_of_both_sides_raise_an_os_error(server: ServerProcess) -> None:
    act = Act(server, "closes-twice")
    with open_websocket(server, act.target) as websocket:
        assert websocket.close_code() == 4001
        websocket.send(close_frame(4001))
        assert websocket.rest() == b""
    gone = ("OSError", "the client has disconnected")
    wait_until(lambda: act.entries() == [gone, gone], "both raise")
