"""Metrics at a path of the server's own listeners: of the whole server, whichever shard or worker is asked."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from arms import Arm
from raw_http import Answer, RawClient
from scraping import OPEN, Scraper
from server_process import ServerProcess, run_command
from waiting import wait_until

REQUESTS = "turbo_shard_requests_total"


def server_of(arm: Arm, path: str, *options: str) -> ServerProcess:
    return ServerProcess("metrics_app:app", *arm.options, "--metrics", path, *options)


@pytest.fixture(scope="module")
def served(arm: Arm) -> Iterator[ServerProcess]:
    # The app has such a route as well.
    with server_of(arm, "/users/metrics", "--shards", "2") as server:
        yield server


def ask(server: ServerProcess, method: str = "GET", *lines: str) -> Answer:
    with RawClient(server) as raw:
        return raw.request(method, "/users/metrics", *lines).answer(method)


def test_the_servers_answer_wins_over_a_route_of_the_app(served: ServerProcess) -> None:
    answer = ask(served)
    assert answer.status == 200
    assert answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    assert b"\nturbo_shard_ready 1\n" in answer.body
    opened = ask(served, "GET", f"Accept: {OPEN}")
    assert opened.body.endswith(b"# EOF\n")
    with RawClient(served) as raw:
        assert raw.get("/users/7").answer().body == b'{"id":7}'
        assert raw.get("/users/metrics?a=b").answer().body.startswith(b"# HELP")
        assert raw.get("/users/metrics/").answer().status == 404
        # Probes have a port.
        assert raw.get("/livez").answer().status == 404


def test_only_get_and_head_are_answered(served: ServerProcess) -> None:
    refused = ask(served, "POST", "Content-Length: 0")
    assert (refused.status, refused.header("allow")) == (405, "GET, HEAD")
    head = ask(served, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.header("content-length") or 0) > 1000


def test_every_shard_says_what_all_have_counted(served: ServerProcess, arm: Arm) -> None:
    with RawClient(served) as raw:
        for number in range(10):
            raw.get(f"/users/{number}").answer()
    shards = {"0"} if arm.mode == "steal" else {"0", "1"}

    def counts() -> tuple[float, set[str]]:
        lines = [
            line for line in ask(served).body.decode().splitlines() if line.startswith(REQUESTS)
        ]
        return sum(float(line.split()[1]) for line in lines), {line.split('"')[1] for line in lines}

    # Each is a connection of its own, which the kernel gives to one of them.
    before, named = counts()
    for _ in range(20):
        now, named = counts()
        assert named == shards
        assert now > before
        before = now


def test_it_is_a_route_of_its_own_in_what_it_tells(served: ServerProcess) -> None:
    ask(served)
    wanted = b'_count{route="/users/metrics",class="2xx"}'
    wait_until(lambda: wanted in ask(served).body, "its own route")


def test_it_answers_where_the_limit_on_concurrency_refuses(arm: Arm) -> None:
    with server_of(arm, "/metrics", "--shards", "1", "--limit-concurrency", "1") as server:
        scraper = Scraper(server)
        with RawClient(server) as raw, RawClient(server) as other:
            raw.get("/block/3000")
            wait_until(lambda: scraper.value("turbo_shard_blocking_busy") == 1, "the call")
            assert other.get("/users/1").answer().status == 503
            assert scraper.value("turbo_shard_refused_in_flight_total") == 1
            assert scraper.value("turbo_shard_refusals_total", status="503") == 1


def test_a_worker_that_has_died_is_missing_until_its_successor_serves() -> None:
    with server_of(Arm("process", "tokio"), "/metrics", "--shards", "2") as server:
        scraper = Scraper(server)
        assert scraper.value("turbo_shard_ready") == 1
        os.kill(server.serving_pids[0], signal.SIGKILL)
        wait_until(lambda: scraper.value("turbo_shard_restarts_total") == 1, "a new worker")


@pytest.mark.parametrize("wrong", ["/", "/a b", "metrics", "/metrics/", "/ü", "/a?b", "//a"])
def test_what_is_no_path_is_one_line(wrong: str) -> None:
    run = run_command("metrics_app:app", "--app-dir", "tests/apps", "--metrics", wrong)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1), run.stderr
    assert "/metrics" in run.stderr
