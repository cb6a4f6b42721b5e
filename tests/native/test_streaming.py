"""Streamed answers: pieces leave when they are made, no faster than they are read, and stop with the reader."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from raw_http import CutShort, RawClient
from server_process import ServerProcess
from waiting import wait_until


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_first_piece_arrives_before_the_second_is_made(
    probe: ServerProcess, gates: Path, kind: str
) -> None:
    name = f"incremental-{kind}-{probe.pid}"
    with RawClient(probe) as raw:
        raw.get(f"/stream/{kind}/{name}")
        _version, status, headers = raw.head()
        assert (status, dict(headers)["transfer-encoding"]) == (200, "chunked")
        assert raw.chunk() == b"first"
        # The generator cannot go on before this.
        (gates / name).touch()
        assert raw.chunk() == b"second"
        assert raw.chunk() is None


def test_waiting_stream_holds_nobody_up(probe: ServerProcess, gates: Path) -> None:
    name = f"aside-{probe.pid}"
    with RawClient(probe) as streaming, RawClient(probe) as other:
        streaming.get(f"/stream/async/{name}").head()
        assert streaming.chunk() == b"first"
        for _ in range(20):
            assert other.get("/counts").answer().status == 200
        (gates / name).touch()
        assert streaming.chunk() == b"second"


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_stream_waits_for_its_reader_and_ends_when_he_leaves(
    probe: ServerProcess, kind: str
) -> None:
    def counted(what: str) -> int:
        with probe.client() as client:
            return client.get("/counts").json().get(f"endless/{kind}/{what}", 0)

    raw = RawClient(probe)
    # A small window: the server soon meets it.
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    raw.get(f"/stream/endless/{kind}").head()
    yielded = 0

    def stands_still() -> bool:
        nonlocal yielded
        before, yielded = yielded, counted("yielded")
        return before == yielded > 0

    # Endless pieces of 64 KiB: only a sender that waits for its reader ever stands still.
    wait_until(stands_still, "the stream to wait for its reader")
    assert yielded < 1000
    raw.socket.close()
    wait_until(lambda: counted("closed") == 1, "the generator to be closed")


def test_exception_in_a_stream_cuts_it_and_is_logged(probe: ServerProcess) -> None:
    with RawClient(probe) as raw:
        raw.get("/stream/fails").head()
        assert raw.chunk() == b"first"
        with pytest.raises((CutShort, ConnectionResetError)):
            raw.chunk()
    wait_until(
        lambda: "a secret that only the log may see" in probe.log, "the traceback in the log"
    )
    with RawClient(probe) as raw:
        assert raw.get("/counts").answer().status == 200


def test_many_streams_at_once_keep_apart(probe: ServerProcess, gates: Path) -> None:
    name = f"many-{probe.pid}"
    streams = [RawClient(probe) for _ in range(20)]
    for raw in streams:
        raw.get(f"/stream/async/{name}")
    for raw in streams:
        raw.head()
        assert raw.chunk() == b"first"
    threading.Timer(0, (gates / name).touch).start()
    for raw in streams:
        assert raw.chunk() == b"second"
        assert raw.chunk() is None
        raw.socket.close()
