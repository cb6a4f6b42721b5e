"""What runs at the same time: coroutines on one shard, blocking handlers on their pool, shards beside each other."""

from __future__ import annotations

import select
from pathlib import Path

from arms import Arm
from raw_http import RawClient
from server_process import ServerProcess
from waiting import TIMEOUT_S, wait_until

SLEEPERS = 500


def test_500_sleeping_coroutines_overlap_on_one_shard(probe: ServerProcess) -> None:
    # Each one sleeps on, 10 ms at a time, until it has seen all the others: they finish together or never.
    clients = [RawClient(probe) for _ in range(SLEEPERS)]
    for client in clients:
        client.get(f"/overlap/{SLEEPERS}")
    for client in clients:
        assert client.answer().body == b'{"seen":%d}' % SLEEPERS
        client.socket.close()


def test_waiting_coroutine_holds_nobody_up(probe: ServerProcess, gates: Path) -> None:
    name = f"waits-{probe.pid}"
    with RawClient(probe) as waiting, RawClient(probe) as other:
        waiting.get(f"/gated/{name}")
        for _ in range(20):
            assert other.get("/counts").answer().status == 200
        (gates / name).touch()
        assert waiting.answer().body == b'{"gate":"%s"}' % name.encode()


def test_blocking_handler_holds_nobody_up(probe: ServerProcess, gates: Path) -> None:
    name = f"blocks-{probe.pid}"
    with RawClient(probe) as blocked, RawClient(probe) as other:
        blocked.get(f"/blocking/{name}")
        wait_until(
            lambda: b"blocking/%s" % name.encode() in other.get("/counts").answer().body,
            "the blocking handler to run",
        )
        shard_thread = other.get("/who").answer().body
        (gates / name).touch()
        answer = blocked.answer()
        assert answer.status == 200
        assert b'"gate":"%s"' % name.encode() in answer.body
        assert answer.body.partition(b'"thread":')[2][:-1] not in shard_thread


def test_full_blocking_queue_is_answered_503_with_when_to_return(
    arm: Arm, gates: Path, start_server
) -> None:
    server = start_server(
        "probe_app:app",
        *arm.options,
        *("--shards", "1", "--blocking-threads", "1", "--blocking-queue-max", "1"),
    )
    name = f"full-{server.pid}"
    running, second, third = (RawClient(server) for _ in range(3))
    running.get(f"/blocking/{name}")
    with RawClient(server) as other:
        wait_until(
            lambda: b'"blocking/%s":1' % name.encode() in other.get("/counts").answer().body,
            "the only thread to be taken",
        )
    # One of these takes the only place in the queue; which one is open.
    second.get(f"/blocking/{name}")
    third.get(f"/blocking/{name}")
    readable, _, _ = select.select([second.socket, third.socket], [], [], TIMEOUT_S)
    assert len(readable) == 1
    refused, queued = (second, third) if second.socket in readable else (third, second)
    answer = refused.answer()
    assert answer.status == 503
    assert int(answer.header("retry-after") or "") >= 1
    (gates / name).touch()
    for client in (running, queued):
        assert client.answer().status == 200
        client.socket.close()
    assert refused.get("/who").answer().status == 200, "a full queue is no reason to close"
    refused.socket.close()
