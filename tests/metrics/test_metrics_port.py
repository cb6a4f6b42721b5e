"""The metrics port: what scrapers and probes are told, on every engine and in every mode, whatever the app does."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from arms import Arm
from raw_http import RawClient
from raw_websocket import open_websocket
from scraping import OPEN, Scraper
from server_process import ServerProcess, run_command
from turbo_shard._native import metric_rows
from turbo_shard.metrics.counters import SHARD_ROWS
from waiting import TIMEOUT_S, wait_until

DURATION = "turbo_shard_request_duration_seconds"


def server_of(arm: Arm, *options: str) -> ServerProcess:
    return ServerProcess("metrics_app:app", *arm.options, "--metrics", "0", *options)


@pytest.fixture(scope="module")
def served(arm: Arm) -> Iterator[ServerProcess]:
    with server_of(arm, "--shards", "2") as server:
        yield server


@pytest.fixture(scope="module")
def scraper(served: ServerProcess) -> Scraper:
    return Scraper(served)


def ask(server: ServerProcess, *targets: str) -> list[int]:
    with RawClient(server) as raw:
        return [raw.get(target).answer().status for target in targets]


def test_both_formats_are_valid_and_say_the_same(scraper: Scraper) -> None:
    plain, opened = scraper.families(), scraper.families(is_open=True)
    assert [family.name for family in plain if family.type != "info"]
    kinds = {family.name: family.type for family in opened}
    assert kinds["turbo_shard_requests"] == "counter"
    assert kinds["turbo_shard_build"] == "info"
    assert kinds[DURATION] == "histogram"
    units = {family.name: family.unit for family in opened}
    assert units["turbo_shard_busy_seconds"] == "seconds"
    assert units["turbo_shard_received_bytes"] == "bytes"
    assert {sample.name for family in plain for sample in family.samples} == {
        sample.name for family in opened for sample in family.samples
    }
    types = [scraper.get("/metrics", accept).headers["content-type"] for accept in ("*/*", OPEN)]
    assert types == [
        "text/plain; version=0.0.4; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    ]


def test_every_metric_that_is_declared_is_on_the_page_and_no_other(
    served: ServerProcess, scraper: Scraper
) -> None:
    ask(served, "/users/1")
    wait_until(lambda: scraper.value(f"{DURATION}_count"), "a request that was measured")
    names = set()
    for family in scraper.families():
        for sample in family.samples:
            of_histogram = family.type == "histogram"
            names.add(family.name if of_histogram else sample.name)
    assert names == {row["name"] for row in metric_rows()}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_wrong(served: ServerProcess, scraper: Scraper) -> None:
    ask(served, "/users/1", "/nowhere")
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=scraper.get("/metrics").text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_each_shard_has_its_series_and_a_count_is_what_was_asked(
    arm: Arm, served: ServerProcess, scraper: Scraper
) -> None:
    before = scraper.samples()
    assert ask(served, "/users/7", "/users/8", "/nowhere", "/boom") == [200, 200, 404, 500]
    shards = {"0"} if arm.mode == "steal" else {"0", "1"}
    key = "turbo_shard_responses_total"

    def grown(**labels: str) -> float:
        was = sum(
            value
            for (name, has), value in before.items()
            if name == key and set(labels.items()) <= has
        )
        return scraper.value(key, **labels) - was

    wait_until(lambda: grown() == 4, "four answers")
    assert [grown(**{"class": name}) for name in ("2xx", "4xx", "5xx")] == [2, 1, 1]
    assert {dict(has)["shard"] for name, has in scraper.samples() if name == key} == shards


def test_histograms_are_told_apart_by_route_and_class_and_their_buckets_only_grow(
    served: ServerProcess, scraper: Scraper
) -> None:
    route = {"route": "/hold/{ms}", "class": "2xx"}
    count = scraper.value(f"{DURATION}_count", **route)
    ask(served, "/hold/30", "/hold/1")
    wait_until(
        lambda: scraper.value(f"{DURATION}_count", **route) == count + 2, "two requests more"
    )
    buckets = {
        dict(has)["le"]: value
        for (name, has), value in scraper.samples().items()
        if name == f"{DURATION}_bucket" and set(route.items()) <= has
    }
    in_order = [buckets[bound] for bound in sorted(buckets, key=float)]
    assert in_order == sorted(in_order)
    assert buckets["0.025"] < buckets["+Inf"] == count + 2
    assert scraper.value(f"{DURATION}_sum", **route) >= 0.031


def test_routes_that_wait_and_websockets_have_their_template_and_what_has_none_is_unknown(
    served: ServerProcess, scraper: Scraper
) -> None:
    ask(served, "/later/x", "/nowhere/at/all", "/boom")
    with open_websocket(served, "/chat/a"):
        pass

    def has(route: str, class_: str) -> bool:
        return scraper.value(f"{DURATION}_count", **{"route": route, "class": class_}) > 0

    for route, class_ in (
        ("/later/{name}", "2xx"),
        ("(unknown)", "4xx"),
        ("/boom", "5xx"),
        ("/chat/{room}", "1xx"),
    ):
        wait_until(lambda wanted=(route, class_): has(*wanted), f"{route} {class_}")


def test_probes_say_alive_and_ready_and_other_paths_are_named(scraper: Scraper) -> None:
    assert scraper.said("/livez") == (200, "alive\n")
    assert scraper.said("/readyz") == (200, "ready\n")
    assert scraper.said("/") == (404, "here are /metrics, /livez and /readyz\n")


def test_a_handler_that_holds_its_shard_makes_it_not_alive_until_it_lets_go(arm: Arm) -> None:
    with server_of(arm, "--shards", "1", "--livez-timeout", "1") as server:
        scraper = Scraper(server)
        with RawClient(server) as raw:
            raw.get("/hold/6000")
            wait_until(lambda: scraper.said("/livez").status == 503, "not alive")
            assert scraper.said("/livez").text.startswith("shard 0 has not turned for ")
            # The port itself answers all the same, and says how long it has been.
            assert scraper.value("turbo_shard_loop_lag_seconds") > 1
            assert raw.answer().status == 200
        wait_until(lambda: scraper.said("/livez") == (200, "alive\n"), "alive again")


def test_a_server_that_drains_is_not_ready_and_is_still_alive(arm: Arm) -> None:
    with server_of(arm, "--shards", "2") as server:
        scraper = Scraper(server)
        with RawClient(server) as raw:
            raw.get("/block/2000")
            wait_until(lambda: scraper.value("turbo_shard_blocking_busy") == 1, "the call")
            server.signal(signal.SIGTERM)
            wait_until(lambda: scraper.said("/readyz") == (503, "draining\n"), "draining")
            assert scraper.said("/livez") == (200, "alive\n")
            assert scraper.value("turbo_shard_ready") == 0
            assert raw.answer().status == 200
        assert server.wait() == 0


def test_a_worker_that_is_stopped_is_not_alive_and_a_new_one_takes_its_place() -> None:
    with server_of(Arm("process", "tokio"), "--shards", "2") as server:
        scraper = Scraper(server)
        first, _ = server.serving_pids
        os.kill(first, signal.SIGSTOP)
        try:
            # Its thread that gives readings stands still as well.
            wait_until(lambda: scraper.said("/livez").status == 503, "not alive")
        finally:
            os.kill(first, signal.SIGCONT)
        wait_until(lambda: scraper.said("/livez").status == 200, "alive again")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: scraper.value("turbo_shard_restarts_total") == 1, "a new worker")
        assert scraper.said("/readyz") == (200, "ready\n")


def test_collections_are_counted(arm: Arm) -> None:
    with server_of(arm, "--shards", "1") as server:
        scraper = Scraper(server)
        before = scraper.value("turbo_shard_gc_collections_total")
        ask(server, "/collect")
        wait_until(
            lambda: scraper.value("turbo_shard_gc_collections_total") > before, "a collection"
        )
        assert scraper.value("turbo_shard_gc_pause_seconds_total") > 0


def test_a_port_that_is_taken_or_none_is_one_line_and_nothing_is_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for mode in ("shard", "steal", "process"):
            run = run_command(
                *("metrics_app:app", "--app-dir", "tests/apps", "--port", "0"),
                *("--mode", mode, "--metrics", str(port)),
            )
            assert (run.returncode, run.stderr.count("\n")) == (2, 1), run.stderr
            assert f"127.0.0.1:{port}" in run.stderr and "metrics" in run.stderr
    for wrong in ("ninety", "70000", "host:", "http://a:1"):
        run = run_command("metrics_app:app", "--app-dir", "tests/apps", "--metrics", wrong)
        assert (run.returncode, run.stderr.count("\n")) == (2, 1), run.stderr
        assert "0.0.0.0:9100" in run.stderr


def test_a_counter_of_seconds_is_a_metric_of_seconds() -> None:
    names = {row["name"] for row in metric_rows()}
    for counter in SHARD_ROWS:
        if counter.unit == "microseconds":
            assert any(counter.name.removesuffix("_us") in name for name in names)
    assert not [name for name in names if "_us" in name]
