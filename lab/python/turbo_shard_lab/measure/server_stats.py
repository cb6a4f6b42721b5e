"""What a server of ours says about its shards over its stats socket, and the differences between two such answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from turbo_shard.metrics.client import StatsUnreadable, read_answer
from turbo_shard.metrics.counters import SHARD_ROWS

from ..results import GcPauses, ShardActivity


class StatsFailed(Exception):
    """The socket does not answer, or not as agreed; the text is one line."""


@dataclass(frozen=True)
class Activity:
    """What a server did between two answers."""

    shards: list[ShardActivity]
    gc: GcPauses | None
    gil_enabled: bool
    # Requests of each worker of the work-stealing runtime; empty in the other modes.
    of_workers: list[int]

    @property
    def balance_max_over_mean(self) -> float | None:
        """1 where all shards, or workers, had equally much to do; None where there was nothing."""
        requests = self.of_workers or [shard.requests for shard in self.shards]
        mean = sum(requests) / len(requests) if requests else 0.0
        return max(requests) / mean if mean else None

    @property
    def restarts(self) -> int:
        return sum(shard.restarts for shard in self.shards)


def read_stats(path: str) -> Mapping[str, Any]:
    """One answer of the socket at `path`."""
    try:
        return read_answer(path)
    except StatsUnreadable as error:
        raise StatsFailed(f"the server's stats socket does not answer: {error}") from None


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Activity:
    """Counters of `after` less those of `before`, shard by shard."""
    try:
        earlier = {(row["shard"], row["pid"]): row for row in before["shards"]}
        seconds = (after["uptime_us"] - before["uptime_us"]) / 1e6
        shards = [
            activity(row, earlier.get((row["shard"], row["pid"]), {}), seconds)
            for row in after["shards"]
        ]
        of_workers = worker_requests(before, after)
        return Activity(shards, pauses(before, after), bool(after["gil_enabled"]), of_workers)
    except (KeyError, TypeError) as error:
        raise StatsFailed(f"the server's stats lack {error}") from None


def worker_requests(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[int]:
    earlier = {row["worker"]: row["requests"] for row in before.get("workers", ())}
    return [
        max(0, row["requests"] - earlier.get(row["worker"], 0)) for row in after.get("workers", ())
    ]


# Of the counters, those that results keep.
KEPT = [row for row in SHARD_ROWS if row.name in {field.name for field in fields(ShardActivity)}]


def activity(row: Mapping[str, Any], earlier: Mapping[str, Any], seconds: float) -> ShardActivity:
    # A restarted shard counts from zero again.
    counters = {
        counter.name: max(0, row[counter.name] - earlier.get(counter.name, 0))
        if counter.only_grows
        else row[counter.name]
        for counter in KEPT
    }
    counters["busy_us"] = float(counters["busy_us"])
    return ShardActivity(
        shard=row["shard"],
        core=row["core"],
        pid=row["pid"],
        busy_share=counters["busy_us"] / 1e6 / seconds if seconds > 0 else 0.0,
        **counters,
    )


def pauses(before: Mapping[str, Any], after: Mapping[str, Any]) -> GcPauses | None:
    old, new = before.get("gc"), after.get("gc")
    if not old or not new:
        return None
    return GcPauses(
        collections=max(0, new["collections"] - old["collections"]),
        pause_us_total=max(0.0, float(new["pause_us_total"]) - float(old["pause_us_total"])),
        pause_us_max=float(new["pause_us_max"]),
    )
