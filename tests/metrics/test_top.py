"""`turbo-shard top`: what it makes of two moments, and that it shows real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from raw_http import RawClient
from scraping import Scraper
from server_process import ServerProcess, run_command
from turbo_shard.metrics.scrape import sample_of
from turbo_shard.metrics.top_view import DURATION, Moment, Shard, latency, of_scrape, view

INFINITY = float("inf")


def moment(at: float, *shards: Shard, buckets: dict[float, float] | None = None) -> Moment:
    return Moment(at, "mode shard on tokio", dict(enumerate(shards)), buckets or {})


def test_rates_are_between_two_moments_and_the_largest_stands_first() -> None:
    before = moment(1.0, Shard(100, 0, 1, 1.0, 0, 0), Shard(100, 0, 1, 1.0, 0, 0))
    now = moment(3.0, Shard(300, 2, 5, 1.5, 0.002, 0), Shard(1100, 1, 3, 2.0, 2.5, 4))
    shown = view(now, before, "requests/s").splitlines()
    assert shown[:2] == ["mode shard on tokio", "600 requests/s"]
    assert [line.split() for line in shown[3:]] == [
        ["shard", "requests/s", "in-flight", "connections", "busy", "lag", "stalls"],
        ["1", "500", "1", "3", "50.0%", "2.5", "s", "4"],
        ["0", "100", "2", "5", "25.0%", "2", "ms", "0"],
    ]
    assert view(now, before, "shard").splitlines()[4].startswith("0")


def test_a_worker_that_counts_from_zero_again_has_no_negative_rate() -> None:
    before = moment(1.0, Shard(1000, 0, 0, 9.0, 0, 0))
    shown = view(moment(2.0, Shard(3, 0, 0, 0.1, 0, 0)), before, "shard")
    assert shown.splitlines()[4].split()[:2] == ["0", "0"]


def test_percentiles_are_the_ends_of_the_buckets_that_hold_them() -> None:
    none = moment(1.0, buckets={0.001: 0, 0.1: 0, INFINITY: 0})
    some = moment(2.0, buckets={0.001: 60, 0.1: 98, INFINITY: 100})
    assert latency(some, none) == ", p50 under 1 ms, p99 over 100 ms"
    assert latency(none, none) == ", no answer in this second"
    assert latency(moment(2.0), moment(1.0)) == ""


def test_a_label_may_hold_anything_and_websockets_have_no_percentiles() -> None:
    sample = sample_of(DURATION + '_bucket{route="/a \\"} b",class="2xx",le="0.5"} 4')
    assert sample.labels == {"route": '/a \\"} b', "class": "2xx", "le": "0.5"}
    of_websocket = sample._replace(labels={**sample.labels, "class": "1xx"})
    assert of_scrape([sample, of_websocket]).buckets == {0.5: 4.0}


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[ServerProcess, Path]]:
    with TemporaryDirectory(prefix="ts-") as folder:
        path = Path(folder) / "stats"
        options = ("--shards", "2", "--metrics", "0", "--stats-socket", str(path))
        with ServerProcess("metrics_app:app", *options) as server:
            yield server, path


def test_without_a_terminal_there_is_one_table_of_a_port_and_of_a_socket(
    served: tuple[ServerProcess, Path],
) -> None:
    server, path = served
    with RawClient(server) as raw:
        raw.get("/users/1").answer()
        for place in (Scraper(server).url, Scraper(server).url.removeprefix("http://"), str(path)):
            run = run_command("top", place)
            assert (run.returncode, run.stderr) == (0, "")
            rows = run.stdout.splitlines()
            assert "requests/s" in rows[1] and [row.split()[0] for row in rows[4:]] == ["0", "1"]


def test_a_place_where_no_server_is_and_a_wrong_column_are_one_line(
    served: tuple[ServerProcess, Path],
) -> None:
    server, path = served
    for place in ("127.0.0.1:1", "/nowhere/at/all", server.url):
        run = run_command("top", place)
        assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1), place
    run = run_command("top", str(path), "--sort", "colour")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "requests/s" in run.stderr
