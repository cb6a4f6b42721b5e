"""What `turbo-shard top` shows: two moments of a server as one table. Knows neither sockets nor terminals."""

from __future__ import annotations

import time
from typing import NamedTuple

from .schema import Answer
from .scrape import Scrape
from .table import laid_out, place

DURATION = "turbo_shard_request_duration_seconds"


class Moment(NamedTuple):
    """What is known at one time."""

    at: float
    heading: str
    # By number.
    shards: dict[int, Shard]
    # Answers by the upper end of their bucket in seconds, all that took no longer; empty where that is not measured.
    buckets: dict[float, float]

    def columns(self) -> list[str]:
        return list(HEADINGS)


class Shard(NamedTuple):
    requests: float
    in_flight: float
    connections: float
    busy_s: float
    lag_s: float
    stalls: float


HEADINGS = ("shard", "requests/s", "in-flight", "connections", "busy", "lag", "stalls")


def of_answer(answer: Answer) -> Moment:
    """A stats socket's answer."""
    shards = {
        row["shard"]: Shard(
            row["requests"],
            row.get("in_flight", 0),
            row["connections_open"],
            row["busy_us"] / 1e6,
            row.get("loop_lag_us", 0) / 1e6,
            row.get("stalls", 0),
        )
        for row in answer["shards"]
    }
    heading = f"mode {answer['mode']} on {answer['engine']}, pid {answer['pid']}{place(answer)}"
    return Moment(time.monotonic(), heading, shards, {})


def of_scrape(scrape: Scrape) -> Moment:
    """A metrics port's page."""
    values: dict[tuple[str, str], float] = {}
    buckets: dict[float, float] = {}
    build: dict[str, str] = {}
    for name, labels, value in scrape:
        if name == f"{DURATION}_bucket" and labels.get("class") != "1xx":
            # Not those of WebSockets, which last as long as people like.
            bound = float(labels["le"])
            buckets[bound] = buckets.get(bound, 0.0) + value
        elif name == "turbo_shard_build_info":
            build = labels
        elif "shard" in labels:
            key = (labels["shard"], name)
            values[key] = values.get(key, 0.0) + value
    numbers = {number for number, _ in values}
    shards = {
        int(number): Shard(
            *(
                values.get((number, f"turbo_shard_{name}"), 0.0)
                for name in (
                    "requests_total",
                    "in_flight",
                    "connections_open",
                    "busy_seconds_total",
                    "loop_lag_seconds",
                    "stalls_total",
                )
            )
        )
        for number in numbers
    }
    heading = f"mode {build.get('mode', '?')} on {build.get('engine', '?')}"
    return Moment(time.monotonic(), heading, shards, buckets)


def view(now: Moment, before: Moment, sort: str) -> str:
    """The whole text; rates are since `before`."""
    seconds = max(now.at - before.at, 1e-9)
    rows = []
    for number, shard in now.shards.items():
        earlier = before.shards.get(number, shard)
        # A worker that was started again counts from zero.
        rate = max(shard.requests - earlier.requests, 0.0) / seconds
        busy = min(max(shard.busy_s - earlier.busy_s, 0.0) / seconds, 1.0)
        rows.append(
            [
                *(float(number), rate, shard.in_flight, shard.connections),
                *(busy, shard.lag_s, shard.stalls),
            ]
        )
    place = HEADINGS.index(sort)
    rows.sort(key=lambda row: row[place] if sort == "shard" else -row[place])
    cells = [
        [
            f"{row[0]:.0f}",
            f"{row[1]:,.0f}",
            f"{row[2]:,.0f}",
            f"{row[3]:,.0f}",
            f"{row[4]:.1%}",
            span(row[5]),
            f"{row[6]:,.0f}",
        ]
        for row in rows
    ]
    columns = [
        (heading, [row[index] for row in cells], "") for index, heading in enumerate(HEADINGS)
    ]
    total = sum(row[1] for row in rows)
    lines = [now.heading, f"{total:,.0f} requests/s{latency(now, before)}", ""]
    return "\n".join([*lines, *laid_out(columns)])


def latency(now: Moment, before: Moment) -> str:
    """`, p50 under 0.5 ms, p99 under 2.5 ms`: the ends of the buckets that hold them."""
    if not now.buckets:
        return ""
    grown = {bound: now.buckets[bound] - before.buckets.get(bound, 0.0) for bound in now.buckets}
    total = grown.get(float("inf"), 0.0)
    if total <= 0:
        return ", no answer in this second"
    found = []
    for share in (0.50, 0.99):
        bound = next(bound for bound in sorted(grown) if grown[bound] >= share * total)
        under = f"over {span(max(b for b in grown if b != bound))}"
        found.append(
            f"p{share * 100:.0f} " + (under if bound == float("inf") else f"under {span(bound)}")
        )
    return ", " + ", ".join(found)


def span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
