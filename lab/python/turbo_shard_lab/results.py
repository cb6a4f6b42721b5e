"""A comparison's findings, as dataclasses that are written to results.json and read back. Measures and renders nothing.

A file of another schema, or with fields that are missing or of another kind, is refused: a figure must not be
misread.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from .typed_json import TypedJsonError, from_json

SCHEMA = 1
CONFIDENCE = 0.95


class ResultsError(Exception):
    """A file that holds no results of ours; the text is one line."""


@dataclass
class Latency:
    """Microseconds; in an open loop from the intended sending time."""

    p50: float
    p90: float
    p99: float
    p99_9: float
    max: float
    mean: float


@dataclass
class SendLag:
    """How much later than intended the generator sent, in microseconds."""

    p50: float
    p99: float
    max: float


@dataclass
class ContextSwitches:
    """For all threads of the server, per answer."""

    voluntary: float
    involuntary: float


@dataclass
class ShardActivity:
    """What one shard did during a run. `connections_open` is the value at the end, the rest are differences."""

    shard: int
    core: int | None
    pid: int
    connections_open: int
    connections_accepted: int
    requests: int
    busy_us: float
    handler_panics: int
    restarts: int
    # Part of the run that the shard was busy.
    busy_share: float


@dataclass
class GcPauses:
    """Pauses of Python's collector during a run; the longest is that since the server's start."""

    collections: int
    pause_us_total: float
    pause_us_max: float


@dataclass
class RouteLatency:
    """One route of a mix."""

    path: str
    requests: int
    latency_us: Latency | None


@dataclass
class Run:
    """One arm in one round. Shares are parts of one core's time, so a server on two cores may have up to 2."""

    round: int
    # None in a closed loop, which offers as much as the server answers.
    offered_per_second: float | None
    achieved_per_second: float
    requests_per_second: float
    answers_checked: int
    latency_us: Latency | None
    # Why there is no latency: the generator itself was the limit.
    latency_refused: str | None
    # Percentile and microseconds, for charts.
    percentiles: list[tuple[float, float]]
    cpu_us_per_request: float
    server_cpu_share: float
    # Second, and for each of the scenario's cores how busy it was, with anything.
    cpu_per_core: list[tuple[float, list[float]]]
    # None in files from before these were measured with every load.
    context_switches_per_request: ContextSwitches | None
    # Sum over the server's processes; Pss counts what they share once.
    rss_mb: float | None
    pss_mb: float | None
    bytes_per_connection: float | None
    threads: int | None
    shards: list[ShardActivity]
    # Requests of the busiest shard over the mean of all.
    balance_max_over_mean: float | None
    gc: GcPauses | None
    generator_cpu_share: float
    send_lag_us: SendLag | None
    # Other work on this machine meanwhile, and time that its host took away.
    other_cpu_share: float
    stolen_share: float
    by_route: list[RouteLatency] = field(default_factory=list)
    # How the generator moved bytes; files from before it had a choice lack this.
    generator_io: str = "epoll"
    # The kernel's part of cpu_us_per_request, from clock ticks, so coarser than the whole.
    kernel_us_per_request: float | None = None
    # Where cpu_us_per_request went, by the threads' names; threads that have ended since share one row.
    cpu_us_by_thread: dict[str, float] = field(default_factory=dict)
    # The generator's time on the server's cores: all that it had, or nothing; and how many cores those are.
    shared_share: float | None = None
    server_cores: int | None = None


@dataclass
class ArmResult:
    """One server under test with all its runs, or why there are none."""

    key: str
    # As it reads in a sentence: `shard mode`.
    label: str
    command: str
    is_peer: bool
    error: str | None = None
    runs: list[Run] = field(default_factory=list)
    # None: the scenario's.
    server_cores: list[int] | None = None

    def run_in(self, number: int) -> Run | None:
        return next((run for run in self.runs if run.round == number), None)


@dataclass
class Comparison:
    """`arm` over `baseline`, from ratios taken within each round."""

    metric: str
    baseline: str
    arm: str
    ratio: float
    low: float
    high: float
    confidence: float
    rounds: int
    # Whether the interval excludes 1, over enough rounds.
    shown: bool
    text: str


@dataclass
class Figure:
    """Several measurements of one thing, judged by their median where there is a goal."""

    # The arm that it is about, and those that it was divided by.
    arm: str
    label: str
    unit: str
    # `≥ 1.3`.
    goal: str | None
    values: list[float]
    # After the point.
    digits: int = 2
    against: list[str] = field(default_factory=list)
    met: bool | None = None
    error: str | None = None
    note: str = ""

    @property
    def middle(self) -> float | None:
        return median(self.values) if self.values else None


@dataclass
class Cost:
    """A sum of arms, in µs of the server's CPU time per answer, round by round."""

    label: str
    # How it was taken.
    how: str
    values: list[float]
    in_kernel: list[float]
    # Whether it is a part of the whole, the last of the parts; else what a request may have besides.
    is_part: bool
    error: str | None = None


@dataclass
class Measured:
    """When a scenario was measured, and from which sources: others in the file may be older."""

    started: str
    took_s: float
    commit: str | None
    # Empty where they had changes that were not committed.
    sources: str


@dataclass
class ScenarioResult:
    """One question, asked of every arm under the same load."""

    key: str
    title: str
    question: str
    load: dict[str, Any]
    server_cores: list[int]
    load_cores: list[int]
    arms: list[ArmResult] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    measured: Measured | None = None

    @property
    def has_load(self) -> bool:
        """Whether the arms were asked under load; if not, the figures say all."""
        return bool(self.load)

    @property
    def cores(self) -> list[int]:
        """The columns of each run's `cpu_per_core`, in their order."""
        return sorted({*self.server_cores, *self.load_cores})


@dataclass
class Results:
    """Everything that one command measured."""

    name: str
    # ISO 8601, UTC.
    date: str
    commit: str | None
    seed: int
    duration_s: float
    command: str
    machine: dict[str, Any]
    versions: dict[str, Any]
    scenarios: list[ScenarioResult] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    # The scenarios' folder, and the settings that were not the files' own.
    settings: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def has_goals(self) -> bool:
        """Whether figures and costs are what was asked for, and not how architectures compare."""
        return any(one.figures or one.costs for one in self.scenarios)


def as_text(results: Results) -> str:
    """A line for each run. Six digits of a number: a histogram of latencies has three."""
    value = with_six_digits(asdict(results))
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # Within a string the quotes would be escaped.
    return text.replace('{"round":', '\n{"round":') + "\n"


def with_six_digits(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: with_six_digits(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [with_six_digits(each) for each in value]
    return value


def from_text(text: str) -> Results:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ResultsError(f"these are no results: {error}") from None
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise ResultsError(
            f"results of schema {schema!r} cannot be read; this version reads {SCHEMA}"
        )
    try:
        return from_json(Results, value)
    except TypedJsonError as error:
        raise ResultsError(f"these are no results: {error}") from None


def write(results: Results, path: Path) -> None:
    path.write_text(as_text(results))


def read(path: Path) -> Results:
    try:
        return from_text(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} cannot be read: {error}") from None
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}") from None
