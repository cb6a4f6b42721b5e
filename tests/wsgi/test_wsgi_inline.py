"""Where a WSGI app is called: on the shard's own thread while its calls are short, in the pool otherwise."""

from __future__ import annotations

import json
import socket
from contextlib import suppress

import pytest

from arms import Arm
from raw_http import CutShort, RawClient
from server_process import ServerProcess, StartServer
from waiting import wait_until

WSGI = ("--interface", "wsgi", "--shards", "1")
# More than the first trial of a route.
MANY = 40


@pytest.fixture
def server(arm: Arm, start_server: StartServer) -> ServerProcess:
    # One worker in steal mode too, because each measures for itself.
    return start_server("wsgi_places_app:app", *WSGI, *arm.options)


def thread_of(raw: RawClient, target: str) -> str:
    return raw.get(target).answer().body.decode()


def is_of_pool(thread: str) -> bool:
    return thread.startswith("blocking")


def promote(raw: RawClient, target: str) -> None:
    """Asks until the route is called on the shard, as it must be after so many short calls."""
    for _ in range(10 * MANY):
        if not is_of_pool(thread_of(raw, target)):
            return
    raise AssertionError(f"{target} is still called by the pool")


def counted(server: ServerProcess, name: str) -> int:
    with RawClient(server) as raw:
        found: dict[str, int] = json.loads(raw.get("/counts").answer().body)
    return found.get(name, 0)


def test_short_calls_come_to_the_shard(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        assert is_of_pool(thread_of(raw, "/thread")), "nobody knows yet how long it takes"
        promote(raw, "/thread")
        assert not any(is_of_pool(thread_of(raw, "/thread")) for _ in range(MANY))


def test_calls_that_wait_stay_in_the_pool(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        assert all(is_of_pool(thread_of(raw, "/held?1")) for _ in range(2 * MANY))


def test_one_slow_call_goes_back_to_the_pool_and_the_log_hears_once(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        for _ in range(2):
            promote(raw, "/thread")
            promote(raw, "/held?0")
            assert not is_of_pool(thread_of(raw, "/held?50")), "nobody could know"
            assert is_of_pool(thread_of(raw, "/held?0"))
        said = "GET /held held its shard for "
        wait_until(lambda: said in server.log, "the line in the log")
        assert sum(said in line for line in server.lines) == 1


def test_app_that_asks_its_own_server_is_answered(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        for _ in range(3 * MANY):
            assert raw.get("/own-server").answer().body.strip()


def test_large_bodies_are_the_pools(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        promote(raw, "/thread")
        body = b"x" * 2_000_000
        for _ in range(MANY):
            raw.request("POST", "/thread", "Content-Length: 1", body=b"x")
            raw.answer()
        raw.request("POST", "/thread", f"Content-Length: {len(body)}", body=body)
        assert is_of_pool(raw.answer().body.decode())


@pytest.mark.parametrize("kind", ["stream", "write", "lazy-write", "few"])
def test_what_is_not_there_at_once_is_fetched_by_the_pool(server: ServerProcess, kind: str) -> None:
    with RawClient(server) as raw:
        promote(raw, "/sometimes")
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        answer = raw.get(f"/sometimes?{kind}").answer()
        thread = answer.header("x-thread") or ""
        assert not is_of_pool(thread)
        assert answer.body.strip(b"x").decode() == thread, "the context that the app was called in"
        assert len(answer.body) == {"stream": 64, "write": 64}.get(kind, 1) * 65536 + len(thread)
        wait_until(lambda: counted(server, f"sometimes/{kind}/closed") == 1, "close()")
        assert raw.get("/sometimes").answer().status == 200, "the connection lives on"


def test_answer_that_breaks_in_the_pool_is_cut(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        promote(raw, "/sometimes")
        with pytest.raises((CutShort, ConnectionResetError)):
            raw.get("/sometimes?broken").answer()
    wait_until(lambda: "a secret that only the log may see" in server.log, "the traceback")
    wait_until(lambda: counted(server, "sometimes/broken/closed") == 1, "close()")


def test_client_that_leaves_ends_what_the_pool_fetches(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        promote(raw, "/sometimes")
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        raw.get("/sometimes?stream").head()
    wait_until(lambda: counted(server, "sometimes/stream/closed") == 1, "close()")
    assert "Traceback" not in server.log


@pytest.mark.parametrize(("rule", "is_pool"), [("always", False), ("never", True)])
def test_rule_is_kept_to(arm: Arm, start_server: StartServer, rule: str, is_pool: bool) -> None:
    server = start_server("wsgi_places_app:app", *WSGI, *arm.options, "--wsgi-inline", rule)
    with RawClient(server) as raw:
        assert all(is_of_pool(thread_of(raw, "/thread")) == is_pool for _ in range(MANY))


def test_write_without_end_does_not_fill_the_memory(arm: Arm, start_server: StartServer) -> None:
    server = start_server("wsgi_places_app:app", *WSGI, *arm.options, "--wsgi-inline", "always")
    with RawClient(server) as raw:
        raw.get("/endless-write")
        wait_until(lambda: "write() was given over 64 MiB" in server.log, "the error")
        # What `write` took is on its way, and then the end.
        with suppress(ConnectionResetError):
            while raw.socket.recv(1024**2):
                pass


@pytest.mark.parametrize(
    ("options", "multithread"),
    [
        (("--wsgi-threads", "1", "--wsgi-inline", "never"), False),
        (("--blocking-threads", "1", "--wsgi-inline", "never"), False),
        (("--wsgi-threads", "1"), True),
        (("--wsgi-threads", "2", "--blocking-threads", "1", "--wsgi-inline", "never"), True),
    ],
)
def test_multithread_says_what_may_happen(
    arm: Arm, start_server: StartServer, options: tuple[str, ...], multithread: bool
) -> None:
    server = start_server("wsgi_places_app:app", *WSGI, *arm.options, *options)
    with RawClient(server) as raw:
        assert json.loads(raw.get("/").answer().body)["wsgi.multithread"] is multithread
