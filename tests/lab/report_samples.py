"""Invented results for tests of the report: a plausible set, and wild ones. Nothing in them was measured."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import cache

from turbo_shard_lab.compare.comparisons import compare_all
from turbo_shard_lab.results import (
    ArmResult,
    Comparison,
    ContextSwitches,
    GcPauses,
    Latency,
    Results,
    RouteLatency,
    Run,
    ScenarioResult,
    SendLag,
    ShardActivity,
    as_text,
    from_text,
)

HOSTILE = "<script>alert('x')</script> & \"quotes\" | `ticks` \x00\x1b[31m"
OURS = (
    ("shard-tokio", "shard mode on tokio"),
    ("shard-glommio", "shard mode on glommio"),
    ("steal", "steal mode"),
    ("process", "process mode"),
)
PEERS = (("uvicorn", "uvicorn"), ("granian-asgi", "granian ASGI"))
PERCENTS = [100 * (1 - 10 ** (-step / 12)) for step in range(3, 60)]
METRICS = ("p99_us", "requests_per_second", "cpu_us_per_request")


class Maker:
    """Results that look like measured ones; the same seed makes the same."""

    def __init__(self, seed: int = 7) -> None:
        self.random = random.Random(seed)

    def run(
        self,
        number: int,
        base_us: float,
        rate: float,
        offered: float | None = None,
        shards: int = 2,
    ) -> Run:
        noise = self.random.uniform(0.94, 1.07)
        base_us *= noise

        def at(percent: float) -> float:
            decades = -math.log10(max(1e-9, 1 - percent / 100))
            return base_us * (1 + 0.35 * decades + 0.6 * max(0.0, decades - 1.7) ** 2.2)

        requests = [int(rate * self.random.uniform(0.5, 1.5)) for _ in range(shards)]
        activity = [
            ShardActivity(n, n, 4711, 3, 25 + n, count, count * 2.0, 0, 0, min(1.0, count / rate))
            for n, count in enumerate(requests)
        ]
        return Run(
            round=number,
            offered_per_second=offered,
            achieved_per_second=rate / noise,
            requests_per_second=rate / noise,
            answers_checked=int(rate * 3),
            latency_us=Latency(at(50), at(90), at(99), at(99.9), at(99.9999), at(60)),
            latency_refused=None,
            percentiles=[(percent, at(percent)) for percent in PERCENTS],
            cpu_us_per_request=1e6 / rate * noise,
            server_cpu_share=0.97,
            cpu_per_core=self.samples(),
            context_switches_per_request=ContextSwitches(0.02, 0.001),
            rss_mb=30.7,
            pss_mb=22.6,
            bytes_per_connection=None,
            threads=4,
            shards=activity,
            balance_max_over_mean=max(requests) * shards / sum(requests) if shards else None,
            gc=GcPauses(3, 1500.0, 800.0),
            generator_cpu_share=0.4,
            send_lag_us=SendLag(3, 40, 200) if offered else None,
            other_cpu_share=0.02,
            stolen_share=0.0,
        )

    def samples(self) -> list[tuple[float, list[float]]]:
        return [
            (
                step / 10,
                [
                    min(1.0, max(0.0, self.random.gauss(0.9 if step > 3 else 0.3, 0.05))),
                    min(1.0, max(0.0, self.random.gauss(0.5, 0.08))),
                ],
            )
            for step in range(33)
        ]

    def arm(
        self, key: str, label: str, base_us: float, rate: float, *, is_peer: bool = False
    ) -> ArmResult:
        command = f"turbo-shard app:app --app-dir examples --port 0 --mode {key}"
        runs = [self.run(n, base_us, rate, shards=0 if is_peer else 2) for n in range(5)]
        return ArmResult(key, label, command, is_peer, None, runs)

    def scenario(
        self, key: str, title: str, question: str, arms: list[ArmResult], **load: object
    ) -> ScenarioResult:
        settings = {"loop": "closed", "connections": 50, "seconds": 3.0, "seed": 1} | load
        made = ScenarioResult(key, title, question, settings, [0], [1], arms)
        made.comparisons = compare_all(arms, METRICS, seed=1)
        return made

    def rates(self) -> ScenarioResult:
        arms = []
        for (key, label), top in zip(OURS, (180e3, 150e3, 160e3, 178e3), strict=True):
            runs = []
            for share in (0.1, 0.3, 0.5, 0.7, 0.85, 0.95):
                rate = top * share
                runs += [self.run(n, 30 + 18 / (1 - share), rate, offered=rate) for n in range(5)]
            arms.append(ArmResult(key, label, f"turbo-shard --mode {key}", False, None, runs))
        # The generator was the limit at the highest rate of one arm.
        for run in arms[1].runs[-5:]:
            run.latency_us, run.percentiles = None, []
            run.latency_refused = "the generator used 99 % of its core"
        return self.scenario(
            "rates",
            "Rates up to saturation",
            "How does latency rise as the load comes near what each arm can do?",
            arms,
            loop="open",
            arrivals="poisson",
        )


def sample_results() -> Results:
    """Three scenarios with peers, errors, refusals and several rates; a copy of its own for each caller."""
    return from_text(_sample_text())


@cache
def _sample_text() -> str:
    """Kept, since its intervals take a while."""
    return as_text(_sample())


def _sample(seed: int = 7) -> Results:
    make = Maker(seed)
    uniform = [
        make.arm(key, label, us, rate)
        for (key, label), us, rate in zip(
            OURS, (150, 175, 210, 152), (215e3, 174e3, 160e3, 214e3), strict=True
        )
    ]
    uniform += [
        make.arm(key, label, us, rate, is_peer=True)
        for (key, label), us, rate in zip(PEERS, (900, 700), (30e3, 46e3), strict=True)
    ]
    uniform.append(
        ArmResult("robyn", "robyn", "robyn app.py", True, f"no wheel for 3.13t {HOSTILE}", [])
    )
    bimodal = [
        make.arm(key, label, us, rate)
        for (key, label), us, rate in zip(
            OURS, (900, 980, 400, 905), (5200, 5100, 5150, 5190), strict=True
        )
    ]
    for run in bimodal[3].runs:
        run.shards, run.balance_max_over_mean, run.gc = [], None, None
        run.by_route = [
            RouteLatency("/short", 99, run.latency_us),
            RouteLatency("/long", 1, run.latency_us),
        ]
    scenarios = [
        make.scenario(
            "uniform-short",
            "Uniform short handlers",
            "What does each architecture cost when all handlers are short and alike?",
            uniform,
        ),
        make.scenario(
            "bimodal",
            "Bimodal handlers: 99 % take 100 µs, 1 % take 20 ms of CPU",
            "Who waits behind a slow handler?",
            bimodal,
            loop="open",
            rate=5000.0,
        ),
        make.rates(),
    ]
    scenarios[0].doubts = ["other processes ran during 2 of 30 runs, on up to 0.4 cores"]
    return Results(
        name="sample",
        date="2026-01-02T03:04:05+00:00",
        commit="0123456789abcdef",
        seed=1,
        duration_s=612.0,
        command="make bench BENCH_ARGS='--name sample'",
        machine={"cpu": "A CPU", "cores_allowed": [0, 1], "virtual": True, "governor": "unknown"},
        versions={"turbo_shard": "0.1.0", "peers": {"gil": "uvicorn 0.54.0"}},
        scenarios=scenarios,
        warnings=["two cores only: this run says nothing about more"],
    )


def many_cores_results(cores: int = 64) -> Results:
    """One scenario on many cores, with long names."""
    make = Maker(3)
    arms = [
        make.arm(f"{key}-long", f"{label}, balanced by least, an app for each shard", us, 1e6)
        for (key, label), us in zip(OURS, (150, 175, 210, 152), strict=True)
    ]
    for arm in arms:
        for run in arm.runs:
            run.shards = [
                ShardActivity(n, n, 1, 5, 9, 50_000 + make.random.randrange(9000), 1.0, 0, 0, 0.7)
                for n in range(cores)
            ]
            run.balance_max_over_mean = 1.08
            run.cpu_per_core = [
                (step / 10, [make.random.uniform(0.2, 1.0) for _ in range(cores)])
                for step in range(33)
            ]
    scenario = make.scenario(
        "many",
        "A scenario with a title that is rather longer than what fits above a chart on any screen",
        "What does a report look like on a machine with many cores?",
        arms,
    )
    scenario.server_cores, scenario.load_cores = list(range(48)), list(range(48, cores))
    results = sample_results()
    results.name, results.scenarios, results.warnings = "many-cores", [scenario], []
    return results


def wild_results(seed: int) -> Results:
    """All that the schema allows: missing parts, zeros, enormous and tiny figures, many cores, hostile words."""
    dice = random.Random(seed)
    make = Maker(seed)

    def figure() -> float:
        return dice.choice([0.0, 1.0, dice.random(), dice.uniform(0, 1e4), 1e-9, 1e12])

    def run(number: int, cores: int) -> Run:
        made = make.run(number, dice.uniform(0.1, 1e6), dice.uniform(1, 1e6))
        made.offered_per_second = dice.choice([None, 0.0, 100.0, 1e6])
        made.achieved_per_second, made.requests_per_second = figure(), figure()
        if dice.random() < 0.4:
            made.latency_us, made.latency_refused = None, dice.choice([None, HOSTILE])
        elif dice.random() < 0.5:
            made.latency_us = Latency(*(figure() for _ in range(6)))
        count = dice.choice([0, 1, 2, 60])
        percents = [dice.choice([0.0, 100.0, dice.uniform(0, 100)]) for _ in range(count)]
        made.percentiles = [(percent, figure()) for percent in percents]
        made.cpu_per_core = [
            (figure(), [figure() for _ in range(dice.choice([0, cores]))])
            for _ in range(dice.choice([0, 1, 30]))
        ]
        shards = dice.choice([0, 1, 2, 64])
        made.shards = [
            ShardActivity(
                n, dice.choice([None, n]), 1, 0, 0, dice.choice([0, 9]), 0, 0, 0, figure()
            )
            for n in range(shards)
        ]
        made.balance_max_over_mean = dice.choice([None, figure()])
        made.gc = dice.choice([None, GcPauses(0, 0.0, 0.0)])
        return made

    scenarios = []
    for number in range(dice.randrange(4)):
        cores = list(range(dice.choice([1, 2, 64])))
        arms = []
        for n in range(dice.choice([0, 1, 3, 20])):
            runs = [run(each, len(cores)) for each in range(dice.randrange(4))]
            error = None if runs else HOSTILE
            arms.append(ArmResult(f"arm{n}", f"{HOSTILE} {n}", HOSTILE, n % 2 == 1, error, runs))
        scenario = ScenarioResult(f"s{number}", HOSTILE, HOSTILE, {}, cores, cores[:1], arms)
        scenario.comparisons = wild_comparisons(dice, [arm.key for arm in arms])
        scenarios.append(scenario)
    return Results(HOSTILE, "", None, seed, 0.0, HOSTILE, {}, {HOSTILE: HOSTILE}, scenarios, [])


def wild_comparisons(dice: random.Random, keys: Sequence[str]) -> list[Comparison]:
    found = []
    for key in keys[1:]:
        ratio = dice.choice([1.0, 1e-6, 1e6, dice.uniform(0.5, 2)])
        low, high = ratio * dice.uniform(0.1, 1), ratio * dice.uniform(1, 10)
        metric = dice.choice(["p99_us", "requests_per_second", "a_new_one"])
        shown = dice.random() < 0.5
        found.append(
            Comparison(metric, key, keys[0], ratio, low, high, 0.95, 5, shown, f"{HOSTILE} {key}")
        )
    return found
