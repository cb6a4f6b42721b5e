"""Streams share their connection, and connections their shard, in turns: told by the order of frames and calls."""

from __future__ import annotations

import json
from pathlib import Path

from arms import Arm
from asgi_journal import Act
from http2_client import Http2Client
from raw_http import RawClient
from server_process import ServerProcess, StartServer

FRAME_BYTES_MAX = 16_384


def test_answers_of_any_size_take_turns_of_a_frame(asgi: ServerProcess) -> None:
    sizes = {"large": 400_000, "small": 20_000, "tiny": 100}
    with Http2Client(asgi, window=0) as client:
        client.h2.increment_flow_control_window(2**30)
        asked = {
            client.ask("/do/echo", method="POST", body=bytes(size)): size for size in sizes.values()
        }
        # All bodies wait for their windows, the large one longest.
        while not all(client.streams[stream].head for stream in asked):
            client.take()
        assert client.data_frames == []
        for stream in asked:
            client.h2.increment_flow_control_window(1_000_000, stream)
        client.flush()
        for stream, size in asked.items():
            assert len(client.answer(stream).body) == size
        large, small, tiny = asked
        order = [stream for stream, length in client.data_frames if length]
        assert max(length for _, length in client.data_frames) <= FRAME_BYTES_MAX
        # Frames of the large answer before the end of the others: one for each turn of theirs, and one that was first.
        last = max(place for place, stream in enumerate(order) if stream in (small, tiny))
        assert order[:last].count(large) <= 1 + order.count(small)
        assert order[last:].count(large) > 10, "most of it comes afterwards"


def test_a_small_answer_overtakes_a_large_one_that_is_on_its_way(asgi: ServerProcess) -> None:
    with Http2Client(asgi, window=2**20) as client:
        client.h2.increment_flow_control_window(2**30)
        large = client.ask("/do/echo", method="POST", body=bytes(900_000))
        while not client.streams[large].body:
            client.take()
        for _ in range(5):
            assert client.get("/do/echo", method="POST", body=b"small").body == b"small"
        assert len(client.answer(large).body) == 900_000


def test_a_closed_window_holds_an_endless_answer_and_no_other(asgi: ServerProcess) -> None:
    act = Act(asgi, "flood")
    with Http2Client(asgi) as client:
        client.h2.increment_flow_control_window(2**30)
        flood = client.ask(act.target)
        client.unread.add(flood)
        while len(client.streams[flood].body) < 65_535:
            client.take()
        taken: list[int] = []
        while len(taken) < 20 or len(set(taken[-10:])) > 1:
            body = bytes(200_000)
            assert client.get("/do/echo", method="POST", body=body).body == body
            taken.append(sum(act.entries()))
        assert taken[-1] < 1_000_000, "the app waits"
        assert len(client.streams[flood].body) == 65_535
        client.reset(flood)
        act.wait_for(("OSError", "the client has disconnected"))


def test_a_connection_with_many_busy_streams_lets_another_one_between(
    arm: Arm, start_server: StartServer, gates: Path
) -> None:
    gate = gates / "turns"
    gate.unlink(missing_ok=True)
    server = start_server("turns_app:app", *arm.options, "--shards", "1")
    with Http2Client(server) as busy, RawClient(server) as other:
        streams = [busy.ask(f"/held/{number}") for number in range(90)]
        other.get("/quick/other")
        gate.touch()
        assert other.answer().status == 200
        assert {busy.answer(stream).status for stream in streams} == {200}
        order = json.loads(busy.get("/calls").body)
    assert len(order) == 91
    # Tokio looks for what has come after 61 turns at most, uring after each.
    assert order.index("other") < 64
