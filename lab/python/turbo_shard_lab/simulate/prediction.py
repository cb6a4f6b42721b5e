"""Simulates architectures over numbers of cores and loads, several seeds each. Prints nothing.

The simulation itself is `_native.simulate`; this module makes its scenarios and gathers its outcomes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ..native import lab_native
from .service_times import Distribution, mean_us

# In the order in which they are shown.
POLICIES = {
    "hash": "shards, placed by the kernel's hash",
    "least": "shards, the less loaded of two",
    "process": "processes, placed by hash",
    "steal": "work stealing (tokio)",
    "steal-handoff": "work stealing that hands the I/O driver on",
    "ideal": "one queue without any cost",
}
# Enough for a p99.9, and per core enough for it to settle.
REQUESTS_MIN = 50_000
REQUESTS_PER_CORE = 2_000
# The warm-up and the rest must outlast the longest request by far.
LONGEST_REQUESTS_MIN = 100
REQUESTS_MAX = 2_000_000
# Below this share of the offered rate an architecture is overloaded: its latencies grow as long as the run lasts.
KEPT_UP_SHARE = 0.98


@dataclass(frozen=True)
class Question:
    """The questions that all architectures get alike."""

    service: Distribution
    costs: dict[str, float]
    # Per core, or altogether.
    connections: int
    are_per_core: bool
    # open: each connection on its own; pool: any that is free; closed: one after another.
    arrivals: str = "open"
    think_us: float = 0.0
    pipeline: int = 1
    handler: dict[str, Any] = field(default_factory=lambda: {"kind": "inline"})
    # None: chosen by cores and service times.
    requests: int | None = None

    def per_second(self, cores: int, load: float) -> float:
        """The rate that keeps that share of the cores busy, as a shard serves it."""
        return load * cores * 1e6 / max(self.work_us, 0.001)

    @property
    def work_us(self) -> float:
        return mean_us(self.service) + self.costs["request_us"]

    def requests_for(self, cores: int, load: float) -> int:
        if self.requests is not None:
            return self.requests
        longest_us = max(self.service["us"]) if self.service["kind"] == "mixture" else 0.0
        settling = LONGEST_REQUESTS_MIN * longest_us * self.per_second(cores, load) / 1e6
        return min(int(max(REQUESTS_MIN, REQUESTS_PER_CORE * cores, settling)), REQUESTS_MAX)

    def same_as(self, policy: str) -> str:
        """Processes that are as fast as shards, which share nothing either, need not be simulated again."""
        costs = self.costs
        is_same = costs["process_service_factor"] == 1.0 and costs["shared_us"] == 0.0
        return "hash" if policy == "process" and is_same else policy

    def scenario(self, policy: str, cores: int, load: float | None, seed: int) -> dict[str, Any]:
        arrivals: dict[str, Any]
        if load is None:
            arrivals = {"loop": "closed", "think_us": self.think_us}
        else:
            dispatch = "idle" if self.arrivals == "pool" else "bound"
            rate = self.per_second(cores, load)
            arrivals = {"loop": "open", "per_second": rate, "dispatch": dispatch}
        return {
            "policy": policy,
            "cores": cores,
            "connections": self.connections * (cores if self.are_per_core else 1),
            "pipeline": self.pipeline,
            "arrivals": arrivals,
            "service": self.service,
            "handler": self.handler,
            "requests": self.requests_for(cores, load if load is not None else 1.0),
            "seed": seed,
            "costs": self.costs,
        }


@dataclass(frozen=True)
class Band:
    """The median over the seeds, with the least and the greatest value."""

    middle: float
    low: float
    high: float

    @staticmethod
    def of(values: Iterable[float]) -> Band:
        ordered = sorted(values)
        return Band(median(ordered), ordered[0], ordered[-1])

    def is_apart_from(self, other: Band) -> bool:
        return self.high < other.low or other.high < self.low


METRICS = ("p50", "p90", "p99", "p99_9", "mean")


@dataclass(frozen=True)
class Cell:
    """One architecture on so many cores under one load; a load of None is a closed loop."""

    policy: str
    cores: int
    load: float | None
    offered_per_second: float
    requests_per_second: Band
    latency_us: dict[str, Band]
    balance_max_over_mean: Band
    busy_share: Band
    idle_while_waiting_share: Band
    steals_per_request: Band
    seeds: int

    @property
    def keeps_up(self) -> bool:
        return (
            self.load is None
            or self.requests_per_second.middle >= KEPT_UP_SHARE * self.offered_per_second
        )


def predict(
    question: Question,
    *,
    policies: Iterable[str],
    cores: Iterable[int],
    loads: Iterable[float | None],
    seeds: Iterable[int],
    on_progress: Callable[[float], None] = lambda share: None,
) -> list[Cell]:
    """All combinations. ValueError says which cannot be simulated."""
    seeds = list(seeds)
    keys = [(load, n, policy) for load in loads for n in cores for policy in policies]
    simulate = lab_native().simulate

    def run(key: tuple[float | None, int, str], seed: int) -> dict[str, Any]:
        load, n, policy = key
        found: dict[str, Any] = json.loads(
            simulate(json.dumps(question.scenario(policy, n, load, seed)))
        )
        return found

    cells = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        simulated = dict.fromkeys((load, n, question.same_as(policy)) for load, n, policy in keys)
        pending = {key: [pool.submit(run, key, seed) for seed in seeds] for key in simulated}
        try:
            for done, key in enumerate(keys, start=1):
                load, n, policy = key
                runs = pending[load, n, question.same_as(policy)]
                cells.append(cell_of(key, [one.result() for one in runs]))
                on_progress(done / len(keys))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return cells


def cell_of(key: tuple[float | None, int, str], outcomes: list[dict[str, Any]]) -> Cell:
    load, cores, policy = key

    def band(name: str) -> Band:
        return Band.of(outcome[name] for outcome in outcomes)

    return Cell(
        policy=policy,
        cores=cores,
        load=load,
        offered_per_second=median(outcome["offered_per_second"] for outcome in outcomes),
        requests_per_second=band("requests_per_second"),
        latency_us={
            name: Band.of(outcome["latency_us"][name] for outcome in outcomes) for name in METRICS
        },
        balance_max_over_mean=band("balance_max_over_mean"),
        busy_share=band("busy_share"),
        idle_while_waiting_share=band("idle_while_waiting_share"),
        steals_per_request=band("steals_per_request"),
        seeds=len(outcomes),
    )
