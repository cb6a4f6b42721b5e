"""The blocking pool under WSGI apps: which requests hold its threads, which wait for one, which are sent away."""

from __future__ import annotations

import json
import select
import socket
from pathlib import Path

import pytest

from arms import Arm
from raw_http import RawClient
from server_process import ServerProcess
from waiting import TIMEOUT_S, wait_until

WSGI = ("--interface", "wsgi")


def counts(server: ServerProcess) -> dict[str, int]:
    with RawClient(server) as raw:
        found: dict[str, int] = json.loads(raw.get("/counts").answer().body)
    return found


def test_no_thread_is_taken_before_the_body_is_there(arm: Arm, start_server) -> None:
    server = start_server(
        "wsgi_app:app", *WSGI, *arm.options, "--shards", "1", "--blocking-threads", "1"
    )
    with RawClient(server) as slow, RawClient(server) as other:
        slow.request("POST", "/echo", "Content-Length: 4", body=b"ab")
        assert other.get("/several").answer().status == 200
        slow.send(b"cd")
        assert slow.answer().body == b"abcd"


def test_requests_run_side_by_side(wsgi_pool: ServerProcess, gates: Path) -> None:
    name = f"wsgi-aside-{wsgi_pool.pid}"
    with RawClient(wsgi_pool) as blocked:
        blocked.get(f"/blocking?{name}")
        wait_until(lambda: f"blocking/{name}" in counts(wsgi_pool), "the app to be called")
        (gates / name).touch()
        assert blocked.answer().body == b"opened"


def test_full_queue_is_answered_503_with_when_to_return(
    arm: Arm, gates: Path, start_server
) -> None:
    server = start_server(
        *("wsgi_app:app", *WSGI, *arm.options, "--shards", "1"),
        *("--blocking-threads", "2", "--blocking-queue-max", "1"),
    )
    name = f"wsgi-full-{server.pid}"
    running = [RawClient(server).get(f"/blocking?{name}") for _ in range(2)]
    # Both threads are taken now, so one of these takes the only place in the queue; which one is open.
    second, third = (RawClient(server).get(f"/blocking?{name}") for _ in range(2))
    sockets = [client.socket for client in (*running, second, third)]
    readable, _, _ = select.select(sockets, [], [], TIMEOUT_S)
    assert len(readable) == 1
    clients = [*running, second, third]
    [refused] = [client for client in clients if client.socket in readable]
    answer = refused.answer()
    assert answer.status == 503
    assert int(answer.header("retry-after") or "") >= 1
    said = "GET /blocking answered 503: the blocking pool's queue is full"
    wait_until(lambda: said in server.log, "the refusal in the log")
    (gates / name).touch()
    for client in clients:
        if client is not refused:
            assert client.answer().body == b"opened"
    assert refused.get("/several").answer().status == 200, "a full queue is no reason to close"
    for client in clients:
        client.socket.close()


@pytest.mark.parametrize("kind", ["iterable", "write"])
def test_answer_waits_for_its_reader_and_ends_when_he_leaves(
    wsgi_pool: ServerProcess, kind: str
) -> None:
    target = "/endless-write" if kind == "write" else f"/endless?{kind}"
    raw = RawClient(wsgi_pool)
    # A small window: the server soon meets it.
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    raw.get(target).head()
    yielded = 0

    def stands_still() -> bool:
        nonlocal yielded
        before, yielded = yielded, counts(wsgi_pool).get(f"endless/{kind}/yielded", 0)
        return before == yielded > 0

    # Endless pieces of 64 KiB: only a sender that waits for its reader ever stands still.
    wait_until(stands_still, "the answer to wait for its reader")
    assert yielded < 1000
    lines = len(wsgi_pool.lines)
    raw.socket.close()
    wait_until(
        lambda: counts(wsgi_pool).get(f"endless/{kind}/closed") == 1, "the end of the answer"
    )
    assert counts(wsgi_pool)
    assert "Traceback" not in "".join(wsgi_pool.lines[lines:]), "a client may leave"


def test_slow_reader_of_a_whole_body_holds_no_thread(arm: Arm, start_server) -> None:
    server = start_server(
        "wsgi_app:app", *WSGI, *arm.options, "--shards", "1", "--blocking-threads", "1"
    )
    body = bytes(range(256)) * 40_000
    with RawClient(server) as slow:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        slow.request("POST", "/echo", f"Content-Length: {len(body)}", body=body).head()
        # Not a tenth of it fits between the two; still the only thread is free.
        assert counts(server) == {}
        assert slow.take(len(body)) == body


def test_clients_that_leave_early_harm_nobody(wsgi_pool: ServerProcess, gates: Path) -> None:
    name = f"wsgi-leavers-{wsgi_pool.pid}"
    for _ in range(4):
        with RawClient(wsgi_pool) as leaver:
            leaver.get(f"/gated?{name}").head()
    (gates / name).touch()
    wait_until(lambda: counts(wsgi_pool).get("gated/closed", 0) >= 4, "close() to be called")


def test_stop_waits_for_the_app(arm: Arm, gates: Path, start_server) -> None:
    server = start_server("wsgi_app:app", *WSGI, *arm.options, "--shards", "1")
    name = f"wsgi-stop-{server.pid}"
    with RawClient(server) as raw:
        raw.get(f"/gated?{name}").head()
        assert raw.chunk() == b"first"
        server.process.terminate()
        wait_until(server.refuses_connections, "the listener to close")
        (gates / name).touch()
        assert raw.chunk() == b"second"
        assert raw.chunk() is None
    assert server.wait() == 0


def test_instance_of_a_shard_is_called_by_its_pool_alone(start_server) -> None:
    options = ("--factory", "--app-per-shard", "always", "--shards", "2", "--mode", "shard")
    options = (*options, "--wsgi-inline", "never")
    server = start_server("wsgi_app:make_app", *WSGI, *options)
    pools: dict[int, set[str]] = {}

    def both_have_answered() -> bool:
        with RawClient(server) as raw:
            number, thread = json.loads(raw.get("/").answer().body)
        pools.setdefault(number, set()).add(thread.rpartition("-")[0])
        return len(pools) == 2

    # The kernel chooses the shard of a connection.
    wait_until(both_have_answered, "both shards to be reached")
    assert sorted(map(sorted, pools.values())) == [["blocking-0"], ["blocking-1"]]
