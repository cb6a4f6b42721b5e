"""Measures one app in several arms, stage by stage, into Results. Knows no command line and prints nothing.

If it is interrupted, the results hold what there is so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from ..load.generator import Load, Question
from ..measure.placement import Placement
from ..measure.server import Server, ServerFailed
from ..progress import Progress, duration
from ..results import ScenarioResult
from .answers import Answer, Expected, NoAnswer, Route, expected, probe
from .arms import Arm
from .comparisons import compare_all, not_compared
from .doubts import doubts
from .rounds import ArmRuns, run_rounds
from .trial import Outcome, Trial, in_short, run_trial

# What a run takes beside the time under load: two processes start and one stops.
OVERHEAD_S = 0.6
WARM_UP_S = 0.5
# Apps import what they like.
START_TIMEOUT_S = 60.0
PROBE_S = 1.0
# A search for the rate needs less time than the measurement at it.
SATURATION_PART = 0.25
SATURATION_S_MIN = 1.0
SATURATION_METRICS = ("requests_per_second", "cpu_us_per_request")
OPEN_METRICS = ("p50_us", "p99_us", "p99_9_us", "cpu_us_per_request", "pss_mb")
CLOSED_METRICS = (
    "requests_per_second",
    "p50_us",
    "p99_us",
    "p99_9_us",
    "cpu_us_per_request",
    "pss_mb",
)


class NothingRan(Exception):
    """No arm could be started; each arm's reason, one per line."""


@dataclass(frozen=True)
class Plan:
    """What is measured, and how long."""

    routes: tuple[Route, ...]
    any_body: bool
    rate: float | None
    connections: int
    # Both missing: the rate follows from what the arms can serve.
    finds_rate: bool
    duration_s: float
    rounds: int
    seed: int
    placement: Placement

    @property
    def warm_up_s(self) -> float:
        return min(WARM_UP_S, self.duration_s / 4)

    @property
    def saturation_s(self) -> float:
        return min(self.duration_s, max(SATURATION_S_MIN, self.duration_s * SATURATION_PART))

    def run_s(self, seconds: float) -> float:
        return seconds + self.warm_up_s + OVERHEAD_S

    def announcement(self, arms: int) -> str:
        """What will happen, and how long it will take."""
        stages = " of two loads" if self.finds_rate else ""
        return (
            f"measures {counted(arms, 'arm')} in {counted(self.rounds, 'round')}{stages}: "
            f"about {duration(self.total_s(arms))} (--duration and --rounds change that)"
        )

    def total_s(self, arms: int) -> float:
        """How long everything will take, if all arms run."""
        per_arm = PROBE_S + self.rounds * self.run_s(self.duration_s)
        if self.finds_rate:
            per_arm += self.rounds * self.run_s(self.saturation_s)
        return arms * per_arm


def counted(number: int, name: str) -> str:
    return f"{number} {name}{'s' * (number != 1)}"


@dataclass
class Experiment:
    """One app in several arms. `scenarios` grows while it runs."""

    plan: Plan
    arms: Sequence[Arm]
    progress: Progress
    folder: Path
    scenarios: list[ScenarioResult] = field(default_factory=list)
    # Arms by key that could not be started, with the reason.
    failed: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    # Those that ended after they had answered their probes.
    broken: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Raises NoSuccess, ArmsDiffer, NothingRan or ArmAnsweredWrong."""
        questions = self.questions()
        plan = self.plan
        if plan.finds_rate:
            arms = self.stage(
                "saturation",
                "What each arm serves at most",
                "How much can each arm serve, when it is asked as fast as it answers?",
                questions,
                self.load(plan.saturation_s, None),
                SATURATION_METRICS,
            )
            rate = half_of_the_slowest(arms)
            if rate is not None:
                self.progress.note(f"latency is measured at {rate:,.6g} requests/s")
                self.stage(
                    "half-load",
                    "Latency at half of what the slowest arm serves",
                    "How long do answers take, when every arm is offered the same and none is at its limit?",
                    questions,
                    self.load(plan.duration_s, rate),
                    OPEN_METRICS,
                )
        elif plan.rate is not None:
            self.stage(
                "rate",
                "Latency at the given rate",
                "How long do answers take at this rate?",
                questions,
                self.load(plan.duration_s, plan.rate),
                OPEN_METRICS,
            )
        else:
            self.stage(
                "connections",
                "Closed loop over the given connections",
                "How much is served, when every connection asks again as soon as it is answered?",
                questions,
                self.load(plan.duration_s, None),
                CLOSED_METRICS,
            )

    def failures(self) -> str:
        """Why arms failed, each reason once."""
        arms_of: dict[str, list[str]] = {}
        for arm in self.arms:
            if arm.key in self.failed:
                arms_of.setdefault(self.failed[arm.key], []).append(arm.label)
        return "; ".join(f"{', '.join(labels)}: {text}" for text, labels in arms_of.items())

    def load(self, seconds: float, rate: float | None) -> Load:
        plan = self.plan
        return Load(
            connections=plan.connections,
            seconds=seconds,
            warm_up_seconds=min(plan.warm_up_s, seconds),
            cores=plan.placement.load,
            rate=rate,
            # A closed loop has no chance in it.
            seed=None if rate is None else plan.seed,
        )

    def questions(self) -> tuple[Question, ...]:
        """Probes every arm and decides how to check its answers under load."""
        routes = list(dict.fromkeys(self.plan.routes))
        answers: dict[Route, dict[str, list[Answer]]] = {route: {} for route in routes}
        for arm in self.arms:
            self.progress.begin(f"probing {arm.label}", PROBE_S)
            try:
                with Server(
                    arm.command, self.plan.placement.server, start_timeout_s=START_TIMEOUT_S
                ) as server:
                    found = {route: probe("127.0.0.1", server.port, route) for route in routes}
            except (ServerFailed, NoAnswer) as error:
                self.failed[arm.key] = str(error)
                self.progress.end(f"did not run: {error}")
                continue
            for route in routes:
                answers[route][arm.label] = found[route]
            self.progress.end("answers")
        if len(self.failed) == len(self.arms):
            raise NothingRan(self.failures())
        is_mix = len(routes) > 1
        questions = []
        for number, route in enumerate(routes):
            right = expected(route, answers[route], any_body=self.plan.any_body, only_text=is_mix)
            if right.reason:
                self.remarks.append(right.reason)
            weight = self.plan.routes.count(route)
            questions.append(self.question(route, right, weight, number, is_mix=is_mix))
        return tuple(questions)

    def question(
        self, route: Route, right: Expected, weight: int, number: int, *, is_mix: bool
    ) -> Question:
        def given(body: bytes, name: str) -> str:
            # A mix holds texts; on the command line a file can hold any bytes, and a text may begin with @.
            if is_mix or not body:
                return body.decode()
            file = self.folder / f"{name}-{number}"
            file.write_bytes(body)
            return f"@{file}"

        return Question(
            route.path,
            given(right.body or b"", "answer"),
            route.method,
            headers=route.headers,
            sends=given(route.body, "request"),
            status=right.status,
            any_body=right.body is None,
            weight=weight,
        )

    def stage(
        self,
        key: str,
        title: str,
        question: str,
        questions: tuple[Question, ...],
        load: Load,
        metrics: Sequence[str],
    ) -> list[ArmRuns]:
        """All rounds under one load. However it ends, the scenario has what was measured."""
        plan = self.plan
        arms = [ArmRuns.of(arm) for arm in self.arms]
        for one in arms:
            one.result.error = self.failed.get(one.arm.key)
        scenario = ScenarioResult(
            key,
            title,
            question,
            load.described() | {"routes": [str(route) for route in plan.routes]},
            list(plan.placement.server),
            list(plan.placement.load),
            [one.result for one in arms],
        )
        self.scenarios.append(scenario)
        trial = Trial(questions, load, plan.placement, start_timeout_s=START_TIMEOUT_S)
        planned_s = plan.run_s(load.seconds)

        def run(arm: Arm, trial: Trial, number: int) -> Outcome:
            self.progress.begin(f"{key}, round {number + 1}/{plan.rounds}, {arm.label}", planned_s)
            return run_trial(arm, trial, number)

        def report(arm: Arm, number: int, outcome: Outcome | str) -> None:
            self.progress.end(outcome if isinstance(outcome, str) else in_short(outcome.run))

        try:
            run_rounds(arms, trial, plan.rounds, report, run)
        finally:
            scenario.comparisons = compare_all(scenario.arms, metrics, plan.seed)
            missing = not_compared(scenario.arms, metrics, scenario.comparisons)
            scenario.doubts = [*missing, *self.remarks, *doubts(arms, plan.placement)]
            for one in arms:
                if one.result.error and one.arm.key not in self.failed:
                    self.failed[one.arm.key] = one.result.error
                    self.broken.append(one.arm.key)
        return arms


def half_of_the_slowest(arms: Sequence[ArmRuns]) -> float | None:
    """Requests per second, in a round number."""
    rates = [
        median(run.requests_per_second for run in one.result.runs)
        for one in arms
        if one.result.runs
    ]
    return float(f"{max(min(rates) / 2, 0.1):.3g}") if rates else None
