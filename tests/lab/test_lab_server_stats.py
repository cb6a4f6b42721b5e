"""Differences between two answers of a stats socket, shard by shard, and what is wrong with an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from turbo_shard_lab.measure.server_stats import StatsFailed, between, read_stats


def row(shard: int, requests: int, **changes: Any) -> dict[str, Any]:
    return {
        "shard": shard,
        "core": shard,
        "pid": 4711,
        "connections_open": 3,
        "connections_accepted": 5,
        "requests": requests,
        "busy_us": requests * 10,
        "handler_panics": 0,
        "restarts": 0,
    } | changes


def answer(uptime_us: int, *rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    gc = {"collections": uptime_us // 1_000_000, "pause_us_total": 10, "pause_us_max": 7}
    return {"uptime_us": uptime_us, "gil_enabled": False, "shards": list(rows), "gc": gc} | changes


def test_counters_are_differences_and_shares_are_of_the_time_between() -> None:
    found = between(
        answer(1_000_000, row(0, 100), row(1, 50)),
        answer(3_000_000, row(0, 400), row(1, 150), gil_enabled=True),
    )
    assert [shard.requests for shard in found.shards] == [300, 100]
    assert found.shards[0].busy_share == pytest.approx(300 * 10 / 2_000_000)
    assert found.shards[0].connections_open == 3 and found.shards[0].connections_accepted == 0
    assert found.balance_max_over_mean == pytest.approx(1.5)
    assert found.gil_enabled and found.restarts == 0
    assert found.gc is not None and (found.gc.collections, found.gc.pause_us_max) == (2, 7)


def test_a_worker_process_that_was_started_again_counts_from_zero() -> None:
    found = between(answer(1, row(0, 500)), answer(2, row(0, 30, pid=4712, restarts=1)))
    assert (found.shards[0].requests, found.restarts) == (30, 1)


def test_stealing_is_balanced_over_its_workers() -> None:
    def workers(*requests: int) -> list[dict[str, int]]:
        return [{"worker": number, "requests": count} for number, count in enumerate(requests)]

    found = between(
        answer(1, row(0, 10), workers=workers(5, 5)), answer(2, row(0, 40), workers=workers(25, 15))
    )
    assert found.of_workers == [20, 10]
    assert found.balance_max_over_mean == pytest.approx(20 / 15)


def test_a_server_that_did_nothing_has_no_balance() -> None:
    assert between(answer(1, row(0, 1)), answer(2, row(0, 1))).balance_max_over_mean is None


def test_an_answer_that_lacks_something_is_refused() -> None:
    broken = answer(2, row(0, 1))
    del broken["shards"][0]["busy_us"]
    with pytest.raises(StatsFailed, match="busy_us"):
        between(answer(1, row(0, 1)), broken)


def test_a_socket_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StatsFailed, match="does not answer"):
        read_stats(str(tmp_path / "nothing"))
