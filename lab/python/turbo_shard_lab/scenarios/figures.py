"""What a scenario's file wants of its arms, as figures: ratios within rounds. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean, median

from ..metrics import METRICS
from ..results import ArmResult, Cost, Figure
from .arms import EARLIER, Candidate
from .scenario import BEST_PEER, Goal, Scenario, Step

# How the metric of a ratio reads, where its own words do not fit.
WORDS = {"requests_per_second": "rate"}
# Of what is measured without a load: label, unit, digits after the point.
UNLOADED = {
    "start_ms": ("start to first answer", "ms", 0),
    "cpu_ticks": ("CPU time while idle", "ticks", 0),
    "rss_mb": ("resident memory, two shards", "MB", 1),
    "bytes_per_connection": ("process memory per idle connection", "bytes", 0),
}


class Arms:
    """The arms of a scenario under the names that its file has for them, with their results."""

    def __init__(self, candidates: Sequence[Candidate], results: Sequence[ArmResult]) -> None:
        self.candidates = candidates
        self.results: Mapping[str, ArmResult] = {one.key: one for one in results}

    def of(self, candidate: Candidate) -> ArmResult:
        return self.results[candidate.arm.key]

    def named(self, name: str, engine: str = "") -> ArmResult | None:
        """Where the name stands for an arm on each engine, the one on this engine."""
        found = [one for one in self.candidates if one.name == name]
        own = [one for one in found if one.engine == engine] or found
        return self.of(own[0]) if own else None

    def over(self, goal: Goal, scenario: Scenario) -> list[Candidate]:
        names = goal.over or tuple(name for name in scenario.arms if not name.startswith("fixed"))
        return [one for one in self.candidates if one.name in names]

    def earlier(self) -> list[Goal]:
        """What has changed since an earlier build, if there is one."""
        of_ours = [one.name for one in self.candidates if one.name != EARLIER]
        if self.named(EARLIER) is None:
            return []
        return [Goal((of_ours[0],), (EARLIER,), "requests_per_second")]

    def best_peer(self) -> tuple[ArmResult | None, list[ArmResult]]:
        """Of those that serve the scenario's own app, the one with the highest median rate, and all of them."""
        rivals = [self.of(one) for one in self.candidates if one.is_rival]
        able = [one for one in rivals if one.runs]
        best = max(able, key=median_rate, default=None)
        return best, rivals


def median_rate(arm: ArmResult) -> float:
    return median(run.requests_per_second for run in arm.runs)


def figures_of(scenario: Scenario, arms: Arms, *, own_interpreter: bool) -> list[Figure]:
    """Goals against arms that are left out here are left out too."""
    found = []
    for goal in (*scenario.goals, *arms.earlier()):
        if goal.own_interpreter and not own_interpreter:
            continue
        for one in arms.over(goal, scenario):
            if BEST_PEER in goal.under:
                figure = over_the_best(goal, arms.of(one), *arms.best_peer())
            else:
                unders = [arms.named(name, one.engine) for name in goal.under]
                figure = ratio(goal, arms.of(one), [under for under in unders if under])
            if figure is not None:
                found.append(figure)
    return found


def over_the_best(
    goal: Goal, ours: ArmResult, best: ArmResult | None, rivals: Sequence[ArmResult]
) -> Figure | None:
    if best is None:
        if not rivals:
            return None
        error = "; ".join(f"{one.label}: {one.error}" for one in rivals)
        label = f"{words_of(goal)} relative to the best peer"
        return Figure(ours.key, label, "×", goal.text, [], error=error)
    return ratio(goal, ours, [best], f"the best peer, {best.label}")


def ratio(
    goal: Goal, over: ArmResult, unders: Sequence[ArmResult], name: str = ""
) -> Figure | None:
    """The quotient of two arms, round by round; of one arm and the mean of several, if there are more."""
    if not unders:
        return None
    label = goal.label or f"{words_of(goal)} relative to {name or unders[0].label}"
    figure = Figure(over.key, label, "×", goal.text, [], against=[under.key for under in unders])
    failed = [arm for arm in (over, *unders) if arm.error]
    figure.error = f"{failed[0].label}: {failed[0].error}" if failed else None
    of = METRICS[goal.metric].of
    for run in over.runs:
        others = [under.run_in(run.round) for under in unders]
        values = [value for other in others if other and (value := of(other)) is not None]
        ours = of(run)
        if ours is not None and len(values) == len(unders):
            figure.values.append(ours / mean(values))
    return judged(figure, goal)


def words_of(goal: Goal) -> str:
    return WORDS.get(goal.metric, METRICS[goal.metric].words)


def judged(figure: Figure, goal: Goal) -> Figure:
    figure.met = None if figure.middle is None else goal.is_met(figure.middle)
    return figure


def unloaded_figures(
    scenario: Scenario,
    arms: Arms,
    values: Mapping[str, Mapping[str, list[float]]],
    notes: Mapping[str, Mapping[str, str]],
) -> list[Figure]:
    """Arm by arm: `values` and `notes` by the arm's key and the metric. Values stand in the order of their rounds."""
    found: list[Figure] = []
    for goal in scenario.goals:
        label, unit, digits = UNLOADED[goal.metric]
        for one in arms.over(goal, scenario):
            arm = arms.of(one)
            if goal.under:
                found += unloaded_ratios(goal, arm, arms, values)
                continue
            figure = Figure(
                arm.key,
                goal.label or label,
                unit,
                goal.text,
                list(values.get(arm.key, {}).get(goal.metric, [])),
                digits=digits,
                error=arm.error,
                note=notes.get(arm.key, {}).get(goal.metric, ""),
            )
            found.append(judged(figure, goal))
    return found


def unloaded_ratios(
    goal: Goal, over: ArmResult, arms: Arms, values: Mapping[str, Mapping[str, list[float]]]
) -> Iterator[Figure]:
    """By each of the arms that it is divided by, within rounds; none for those that are left out here."""
    words = UNLOADED[goal.metric][0]
    for under in filter(None, map(arms.named, goal.under)):
        label = goal.label or f"{words} relative to {under.label}"
        figure = Figure(over.key, label, "×", goal.text, [], against=[under.key])
        failed = [arm for arm in (over, under) if arm.error]
        if failed:
            figure.error = f"{failed[0].label}: {failed[0].error}"
        else:
            both = (values.get(arm.key, {}).get(goal.metric, []) for arm in (over, under))
            figure.values = [ours / theirs for ours, theirs in zip(*both, strict=True)]
        yield judged(figure, goal)


def costs_of(scenario: Scenario, arms: Arms) -> list[Cost]:
    return [cost_of(step, arms) for step in scenario.steps]


def cost_of(step: Step, arms: Arms) -> Cost:
    """Taken within each round in which all of the step's arms ran."""
    cost = Cost(step.label, step.how, [], [], step.is_part)
    used = [(arm, factor) for name, factor in step.arms if (arm := arms.named(name))]
    cost.error = next((f"{arm.label}: {arm.error}" for arm, _ in used if arm.error), None)
    rounds = set.intersection(*({run.round for run in arm.runs} for arm, _ in used))
    for number in sorted(rounds):
        runs = [(run, factor) for arm, factor in used if (run := arm.run_in(number))]
        cost.values.append(sum(factor * run.cpu_us_per_request for run, factor in runs))
        cost.in_kernel.append(
            sum(factor * (run.kernel_us_per_request or 0.0) for run, factor in runs)
        )
    return cost
