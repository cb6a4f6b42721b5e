"""Runs a planned scenario into a ScenarioResult. Knows no file and no report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import median

from ..compare.arms import Arm
from ..compare.comparisons import compare_all
from ..compare.doubts import doubts
from ..compare.rounds import ArmAnsweredWrong, ArmRuns, RunTrial, run_rounds
from ..compare.statistics import ROUNDS_MIN
from ..compare.trial import Outcome, Trial, in_short, run_trial
from ..load.generator import Load, WrongAnswer, example_command
from ..load.priority import may_go_first
from ..measure.server import ServerFailed
from ..progress import Progress
from ..results import ScenarioResult
from .figures import Arms, costs_of, figures_of, unloaded_figures
from .idleness import measure_idleness
from .plan import SEARCH_SECONDS, PlannedScenario
from .scenario import IDLE, LOAD, START
from .starts import measure_starts

# Requests per second, rounded to so many digits: the rate of a round must equal that of the next one exactly.
RATE_DIGITS = 4


class ScenarioRun:
    """One scenario. `result` has what was measured, however it ends; `is_broken` says that something of ours failed."""

    def __init__(
        self, plan: PlannedScenario, progress: Progress, run: RunTrial = run_trial
    ) -> None:
        self.plan = plan
        self.progress = progress
        self.run_trial = run
        self.arms = [ArmRuns.of(one.arm) for one in plan.candidates]
        self.by_key = {one.arm.key: one for one in plan.candidates}
        for one, candidate in zip(self.arms, plan.candidates, strict=True):
            one.result.error = candidate.error
            if candidate.placement:
                one.result.server_cores = list(candidate.placement.server)
        self.is_broken = False
        # By arm, requests per second; only where the load is shares of it.
        self.saturation: dict[str, float] = {}
        scenario = plan.scenario
        self.result = ScenarioResult(
            key=scenario.key,
            title=scenario.title,
            question=scenario.question,
            load={},
            server_cores=list(plan.placement.server),
            load_cores=list(plan.placement.load),
            arms=[one.result for one in self.arms],
        )

    def measure(self) -> None:
        """Raises KeyboardInterrupt only."""
        refused = {one.arm.key for one in self.arms if one.result.error}
        scenario = self.plan.scenario
        try:
            if scenario.measures == START:
                self._measure_starts()
            elif scenario.measures == IDLE:
                self._measure_idleness()
            elif scenario.load.shares:
                self._run_shares()
            else:
                self._rounds(self.arms, self.plan.trial, "")
        except (ArmAnsweredWrong, WrongAnswer) as error:
            self._discard(str(error))
        finally:
            if scenario.measures == LOAD:
                self._conclude()
        self.is_broken |= any(
            one.result.error and not one.arm.is_peer and one.arm.key not in refused
            for one in self.arms
        )

    def _rounds(
        self,
        arms: list[ArmRuns],
        trial: Trial,
        remark: str,
        load_of: Callable[[Arm], Load] | None = None,
    ) -> None:
        plan = self.plan

        def run(arm: Arm, trial: Trial, number: int) -> Outcome:
            text = f"{plan.scenario.key}{remark}, round {number + 1}/{plan.rounds}, {arm.label}"
            asked = replace(trial, load=load_of(arm)) if load_of else trial
            own = plan.trial_of(self.by_key[arm.key], asked)
            self.progress.begin(text, plan.run_s(own.load.seconds, arm.is_peer))
            try:
                return self.run_trial(arm, own, number)
            except WrongAnswer as error:
                if arm.is_peer:
                    # It shows nothing about the others.
                    raise ServerFailed(f"answered wrongly: {error}") from None
                raise

        def report(arm: Arm, number: int, outcome: Outcome | str) -> None:
            self.progress.end(outcome if isinstance(outcome, str) else in_short(outcome.run))

        run_rounds(arms, trial, plan.rounds, report, run)
        for one in arms:
            if one.arm.is_peer and (one.result.error or "").startswith("answered wrongly"):
                one.result.runs.clear()

    def _measure_starts(self) -> None:
        found = measure_starts(self.plan, self.arms, self.progress)
        values = {key: {"start_ms": one} for key, one in found.items()}
        self.result.figures = unloaded_figures(self.plan.scenario, self._named(), values, {})

    def _measure_idleness(self) -> None:
        found = measure_idleness(self.plan, self.arms, self.progress, self._trial_of)
        values = {key: one.values() for key, one in found.items()}
        notes = {key: one.notes() for key, one in found.items()}
        self.result.figures = unloaded_figures(self.plan.scenario, self._named(), values, notes)

    def _named(self) -> Arms:
        return Arms(self.plan.candidates, self.result.arms)

    def _trial_of(self, key: str) -> Trial:
        return self.plan.trial_of(self.by_key[key], self.plan.trial)

    def _run_shares(self) -> None:
        """Closed loops first, then every arm at each share of what it served in them, on a fresh server each time."""
        search = [ArmRuns.of(one.arm) for one in self.arms]
        for one, other in zip(search, self.arms, strict=True):
            one.result.error = other.result.error
        closed = self.plan.trial
        self._rounds(search, closed, ", at most")
        for one, other in zip(search, self.arms, strict=True):
            other.result.error = one.result.error
            other.exit_statuses |= one.exit_statuses
            if one.result.runs:
                served = median(run.requests_per_second for run in one.result.runs)
                self.saturation[one.arm.key] = served

        for share in self.plan.scenario.load.shares:

            def load_of(arm: Arm, share: float = share) -> Load:
                rate = float(f"{self.saturation[arm.key] * share:.{RATE_DIGITS}g}")
                arrivals = self.plan.scenario.load.arrivals
                return replace(
                    closed.load,
                    seconds=self.plan.seconds,
                    rate=rate,
                    arrivals=arrivals,
                    seed=self.plan.seed,
                )

            self._rounds(self.arms, closed, f", at {share:.0%}", load_of)

    def _discard(self, reason: str) -> None:
        """No figure of the scenario may be used."""
        self.is_broken = True
        self.result.doubts.append(f"wrong answer, so no figure counts: {reason}")
        for one in self.arms:
            one.result.runs.clear()
            one.result.error = one.result.error or f"not counted: {reason}"

    def _conclude(self) -> None:
        plan, scenario = self.plan, self.plan.scenario
        self.result.load = self._described()
        self.result.figures = figures_of(
            scenario, self._named(), own_interpreter=plan.around.ground.is_own
        )
        self.result.costs = costs_of(scenario, self._named())
        if not scenario.load.shares:
            names = {one.name: one.arm.key for one in plan.candidates}
            first = names[scenario.baseline] if scenario.baseline else None
            self.result.comparisons = compare_all(
                self.result.arms, scenario.metrics, plan.seed, first
            )
        elif self.saturation:
            lines = [
                f"{one.arm.label} {self.saturation[one.arm.key]:,.0f}"
                for one in self.arms
                if one.arm.key in self.saturation
            ]
            self.result.doubts.append(
                f"served at most, in closed loops of {SEARCH_SECONDS:g} s, requests/s: {'; '.join(lines)}"
            )
        if any(one.result.runs for one in self.arms):
            lines = doubts(self.arms, plan.placement)
            # A run for a curve makes no comparison.
            self.result.doubts += [
                line
                for line in lines
                if not (scenario.load.shares and f"fewer than {ROUNDS_MIN} rounds" in line)
            ]

    def _described(self) -> dict[str, object]:
        trial, load = self.plan.trial, self.plan.scenario.load
        found: dict[str, object] = dict(trial.load.described())
        if load.shares:
            found |= {
                "loop": "open",
                "shares_of_own_saturation": list(load.shares),
                "arrivals": load.arrivals,
                "seconds": self.plan.seconds,
                "seed": self.plan.seed,
                "saturation_per_second": self.saturation,
            }
        if self.plan.placement.shared and load.loop != "closed":
            found["load_goes_first"] = may_go_first()
        found["shards"] = self.plan.shards
        found["routes"] = [f"{one.method} {one.path}" for one in load.questions]
        found["command"] = example_command(load.questions, trial.load, trial.program)
        if trial.beside:
            beside = trial.beside.lasting(trial.load)
            routes = [f"{one.method} {one.path}" for one in beside.questions]
            found["beside"] = beside.load.described() | {"routes": routes}
        return found
