"""What a server of ours says about its shards over its stats socket, and the differences between two such answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..results import GcPauses, ShardActivity

SCHEMA = 1
TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 1 << 22


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


def read_stats(path: str) -> dict[str, Any]:
    """One answer of the socket at `path`."""
    received = b""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(path)
            while len(received) < ANSWER_BYTES_MAX and (chunk := connection.recv(65_536)):
                received += chunk
        answer = json.loads(received)
    except (OSError, ValueError) as error:
        raise StatsFailed(f"the server's stats socket does not answer: {error}") from None
    if not isinstance(answer, dict) or answer.get("schema") != SCHEMA:
        raise StatsFailed(f"the server's stats are not of schema {SCHEMA}")
    return answer


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


def activity(row: Mapping[str, Any], earlier: Mapping[str, Any], seconds: float) -> ShardActivity:
    def difference(name: str) -> int:
        # A restarted shard counts from zero again.
        return max(0, int(row[name]) - int(earlier.get(name, 0)))

    busy_us = max(0.0, float(row["busy_us"]) - float(earlier.get("busy_us", 0)))
    return ShardActivity(
        shard=row["shard"],
        core=row["core"],
        pid=row["pid"],
        connections_open=row["connections_open"],
        connections_accepted=difference("connections_accepted"),
        requests=difference("requests"),
        busy_us=busy_us,
        handler_panics=difference("handler_panics"),
        restarts=difference("restarts"),
        busy_share=busy_us / 1e6 / seconds if seconds > 0 else 0.0,
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
