"""What `turbo-shard stats` shows, and how the answers of several processes become one."""

from __future__ import annotations

from typing import Any

import pytest

from turbo_shard.metrics.answer import merge
from turbo_shard.metrics.counters import SHARD_ROWS, THREAD_ROWS
from turbo_shard.metrics.gc_pauses import GcPauses, gc_stats
from turbo_shard.metrics.schema import Answer, Row
from turbo_shard.metrics.table import duration, table


def row(shard: int, **counters: Any) -> Row:
    plain: dict[str, Any] = dict.fromkeys(
        ("connections_open", "connections_accepted", "requests", "busy_us", "handler_panics"), 0
    )
    return {"shard": shard, "core": shard, "pid": 7, "restarts": 0, **plain, **counters}


PYTHON = "Python 3.13.5 free-threaded, GIL off"


def answer(*rows: Row, **changed: Any) -> Answer:
    plain: dict[str, Any] = {
        "schema": 1,
        "mode": "shard",
        "engine": "tokio",
        "pid": 7,
        "addresses": ["127.0.0.1:8000", "unix:/run/app.sock"],
        "uptime_us": 10_000_000,
        "python": "3.13.5 free-threaded",
        "gil_enabled": False,
        "shards": list(rows),
        "gc": {"collections": 2, "pause_us_total": 5000, "pause_us_max": 4000},
    }
    return {**plain, **changed}  # type: ignore[typeddict-item]


def lines(*answers: Answer) -> list[str]:
    """The table of the last answer; rates since the one before it."""
    return table(answers[-1], answers[-2] if len(answers) > 1 else None).splitlines()


def test_rates_are_since_the_start_and_evenness_is_the_largest_over_the_mean() -> None:
    shown = lines(
        answer(
            row(0, connections_open=3, requests=30_000, busy_us=5_000_000),
            row(1, connections_open=1, requests=10_000, busy_us=2_500_000),
        )
    )
    assert shown[:2] == [
        f"mode shard on tokio, pid 7, at 127.0.0.1:8000 and unix:/run/app.sock, up 10 s, {PYTHON}",
        "rates since the start",
    ]
    header, first, second, foot = (line.split() for line in shown[3:7])
    assert dict(zip(header, first, strict=True)) == {
        "shard": "0",
        "core": "0",
        "connections": "3",
        "accepted": "0",
        "requests": "30,000",
        "requests/s": "3,000",
        "busy": "50.0%",
        "panics": "0",
        "restarts": "0",
    }
    assert second[4:7] == ["10,000", "1,000", "25.0%"]
    assert foot == ["max/mean", "1.50", "1.50", "1.50", "1.33"]
    assert shown[-1] == (
        "garbage collector: 2 collections, 5.0 ms of pauses; the longest since the start 4.0 ms"
    )


def test_rates_between_two_answers_are_their_difference() -> None:
    before = answer(row(0, requests=1000, busy_us=10), row(1, requests=50))
    after = answer(
        row(0, requests=1600, busy_us=1_000_010),
        row(1, requests=50),
        uptime_us=12_000_000,
        gc={"collections": 3, "pause_us_total": 6500, "pause_us_max": 4000},
    )
    shown = lines(before, after)
    assert shown[1] == "rates over 2.00 s"
    assert shown[4].split()[4:7] == ["1,600", "300", "50.0%"]
    assert shown[5].split()[4:7] == ["50", "0", "0.0%"]
    assert "1 collection, 1.5 ms" in shown[-1]


def test_server_that_was_started_again_counts_from_its_own_start() -> None:
    shown = lines(answer(row(0, requests=5000)), answer(row(0, requests=100), pid=8))
    assert shown[4].split()[4:6] == ["100", "10"]


def test_process_that_was_started_again_counts_from_zero() -> None:
    before = answer(row(0, requests=5000, pid=70), row(1, requests=100, pid=71))
    after = answer(row(0, requests=20, pid=72), row(1, requests=300, pid=71), uptime_us=11_000_000)
    shown = lines(before, after)
    assert [line.split()[2] for line in shown[4:6]] == ["72", "71"]
    assert [line.split()[6] for line in shown[4:6]] == ["20", "200"]


def test_idle_server_and_single_shard_have_nothing_to_compare() -> None:
    assert "max/mean" not in "\n".join(lines(answer(row(0), row(1))))
    assert "max/mean" not in "\n".join(lines(answer(row(0, requests=5))))


def test_workers_of_the_work_stealing_runtime_are_shown_instead() -> None:
    workers = [
        {"worker": number, "requests": 10, "busy_us": 10_000, "handler_panics": 0}
        for number in range(2)
    ]
    shown = lines(answer(row(0, core=None, connections_open=1234), mode="steal", workers=workers))
    assert shown[2] == "connections: 1,234 open, 0 accepted"
    assert shown[4].split() == ["worker", "requests", "requests/s", "busy", "panics"]
    assert [line.split()[0] for line in shown[5:7]] == ["0", "1"]


def test_table_fits_a_terminal_and_shows_the_columns_that_are_declared() -> None:
    everything = {counter.name: 4 for counter in SHARD_ROWS}
    header = lines(answer({"shard": 0, "core": 0, "pid": 7, **everything}))[3]
    of_threads = {counter.name: 4 for counter in THREAD_ROWS}
    threads_header = lines(answer(row(0), workers=[{"worker": 0, **of_threads}]))[4]
    assert len(header) <= 120
    for counter in SHARD_ROWS:
        for column in counter.columns:
            assert column.heading in header.split()
            assert (column.heading in threads_header.split()) == counter.per_thread


def test_server_of_another_version_may_lack_a_counter_or_have_one_more() -> None:
    other = row(0, requests=5, from_the_future=7)
    del other["handler_panics"]
    earlier = answer(other)
    del earlier["addresses"]
    headline, *_ = lines(earlier)
    assert headline.startswith("mode shard on tokio, pid 7, up ")
    header = lines(earlier)[3].split()
    assert "requests" in header and "restarts" in header and "panics" not in header


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_merged_answer_has_a_row_for_each_process() -> None:
    one = answer(row(0, requests=5, pid=11, core=3), pid=11, mode="process", engine="glommio")
    other = answer(
        row(0, requests=7, pid=12, restarts=1),
        pid=12,
        uptime_us=99,
        gil_enabled=True,
        gc={"collections": 1, "pause_us_total": 100, "pause_us_max": 9000},
    )
    merged = merge([one, None, other], pid=10, restarts=[0, 4, 2])
    assert (merged["mode"], merged["engine"], merged["pid"]) == ("process", "glommio", 10)
    assert merged["addresses"] == one["addresses"]
    assert merged["uptime_us"] == 10_000_000
    assert merged["gil_enabled"] is True
    assert [(r["shard"], r["pid"], r["core"], r["restarts"]) for r in merged["shards"]] == [
        (0, 11, 3, 0),
        (2, 12, 0, 3),
    ]
    assert merged["gc"] == {"collections": 3, "pause_us_total": 5100, "pause_us_max": 9000}


def test_merged_answer_of_nobody_is_empty() -> None:
    merged = merge([None, None], engine="tokio", uptime_us=5)
    assert (merged["shards"], merged["uptime_us"], merged["engine"]) == ([], 5, "tokio")


def test_pauses_are_counted_from_the_start_of_a_collection_to_its_end() -> None:
    pauses = GcPauses()
    pauses("stop", {})
    assert pauses.row()["collections"] == 0, "it began before the counting"
    pauses("start", {})
    pauses("stop", {})
    assert pauses.collections == 1
    assert pauses.pause_ns_total == pauses.pause_ns_max > 0


def test_no_server_means_no_pauses() -> None:
    assert gc_stats() == {"collections": 0, "pause_us_total": 0, "pause_us_max": 0}
