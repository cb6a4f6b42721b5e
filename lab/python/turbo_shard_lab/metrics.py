"""The figures of a run that comparisons use: where to find each, and its name. Compares nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .results import Latency, Run


class Metric(NamedTuple):
    """`of` is None for a run that does not have the figure."""

    key: str
    # As it reads at the beginning of a sentence.
    words: str
    of: Callable[[Run], float | None]
    is_less_better: bool = True


def latency(key: str, words: str, of: Callable[[Latency], float]) -> Metric:
    def found(run: Run) -> float | None:
        return None if run.latency_us is None else of(run.latency_us)

    return Metric(key, words, found)


def context_switches(run: Run) -> float | None:
    switches = run.context_switches_per_request
    return None if switches is None else switches.voluntary + switches.involuntary


def capacity(run: Run) -> float | None:
    """Answers per second if the server had its cores to itself.

    The generator's time on the server's cores is taken out; time in which the server waits for a lock or for work stays
    in and counts against it.
    """
    if run.shared_share is None or run.server_cores is None:
        return None
    return run.requests_per_second / (1 - run.shared_share / run.server_cores)


def work(run: Run) -> float | None:
    """Answers that the CPU time of the server's cores is enough for: its capacity without any waiting."""
    return None if run.server_cores is None else run.server_cores * 1e6 / run.cpu_us_per_request


METRICS = {
    metric.key: metric
    for metric in (
        latency("p50_us", "p50", lambda latency: latency.p50),
        latency("p90_us", "p90", lambda latency: latency.p90),
        latency("p99_us", "p99", lambda latency: latency.p99),
        latency("p99_9_us", "p99.9", lambda latency: latency.p99_9),
        latency("max_us", "slowest answer", lambda latency: latency.max),
        Metric("requests_per_second", "throughput", lambda run: run.requests_per_second, False),
        Metric("cpu_us_per_request", "CPU time per request", lambda run: run.cpu_us_per_request),
        Metric("rss_mb", "resident memory", lambda run: run.rss_mb),
        Metric("pss_mb", "memory", lambda run: run.pss_mb),
        Metric("context_switches_per_request", "context switches per request", context_switches),
        Metric("capacity", "capacity", capacity, False),
        Metric("work", "work for the CPU time", work, False),
    )
}
