"""docs/shard-or-steal.md from the measurements: each sentence has a figure, and says what the record says.

bench/advice.toml has a sentence for every way in which a comparison can end, and which of them was recorded. `turned`
finds a run that turns a claim around, and a person decides what follows. Measures nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ..metrics import METRICS
from ..report.quantities import digits, duration, rate
from ..results import ArmResult, Comparison, Results, ScenarioResult

OUTCOMES = ("lower", "higher", "same", "unmeasured")
# Until a run is recorded.
OPEN = ""
_REFERENCE = re.compile(r"\{\{([^{}]*)\}\}")


class AdviceError(Exception):
    """A reference to something missing in the results, or a file that is not advice; the text is one line."""


@dataclass(frozen=True)
class Claim:
    """What `arm` does to `metric` against `baseline` in `scenario`, with a sentence for each outcome."""

    scenario: str
    arm: str
    baseline: str
    metric: str
    # One of OUTCOMES, or OPEN.
    recorded: str
    sentences: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.scenario}: {self.metric} of {self.arm} against {self.baseline}"


@dataclass(frozen=True)
class Load:
    """One kind of load; `text` are sentences whose figures are references."""

    title: str
    claims: tuple[Claim, ...]
    text: str


def read(path: Path) -> list[Load]:
    try:
        found = tomllib.loads(path.read_text())
        return [load_of(one) for one in found["load"]]
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise AdviceError(f"{path.name}: {type(error).__name__}: {error}") from None


def load_of(found: dict[str, object]) -> Load:
    claims = found.get("claim", [])
    if not isinstance(claims, list):
        raise AdviceError(f"{found['title']}: claim is no list of tables")
    return Load(str(found["title"]), tuple(map(claim_of, claims)), str(found.get("text", "")))


def claim_of(found: dict[str, str]) -> Claim:
    sentences = {outcome: found[outcome] for outcome in OUTCOMES[:3]}
    recorded = found.get("recorded", OPEN)
    if recorded not in (OPEN, *OUTCOMES):
        raise AdviceError(f"recorded is {recorded!r}, none of {', '.join(OUTCOMES)}")
    where = (found["scenario"], found["arm"], found["baseline"], found["metric"])
    return Claim(*where, recorded, sentences)


def turned(loads: Sequence[Load], results: Results) -> list[str]:
    """A line for each claim that the results do not bear out."""
    lines = []
    for claim in claims_of(loads):
        found = outcome(claim, results)
        if found != claim.recorded:
            lines.append(
                f"{claim.name}: {claim.recorded or 'open'} is written, {found} was measured"
            )
    return lines


def claims_of(loads: Sequence[Load]) -> Iterator[Claim]:
    for load in loads:
        yield from load.claims


def outcome(claim: Claim, results: Results) -> str:
    found, is_turned = comparison(claim, results)
    if found is None:
        return "unmeasured"
    if not found.shown or found.ratio == 1:
        return "same"
    return "lower" if (found.ratio < 1) is not is_turned else "higher"


def comparison(claim: Claim, results: Results) -> tuple[Comparison | None, bool]:
    """With whether it was recorded the other way round."""
    scenario = scenario_of(claim.scenario, results)
    arm = arm_of(claim.arm, scenario).key
    baseline = arm_of(claim.baseline, scenario).key
    if claim.metric not in METRICS:
        raise AdviceError(f"{claim.name}: there is no metric {claim.metric!r}")
    for one in scenario.comparisons:
        if one.metric == claim.metric and {one.arm, one.baseline} == {arm, baseline}:
            return one, one.arm != arm
    return None, False


def scenario_of(key: str, results: Results) -> ScenarioResult:
    for scenario in results.scenarios:
        if scenario.key == key:
            return scenario
    keys = ", ".join(scenario.key for scenario in results.scenarios)
    raise AdviceError(f"there is no scenario {key!r}; there are {keys}")


def arm_of(name: str, scenario: ScenarioResult) -> ArmResult:
    """`shard` and `shard-least` are those of the engine that was taken."""
    pattern = re.escape(name)
    if name == "shard" or name.startswith("shard-"):
        pattern += "|shard-[a-z]+" + re.escape(name.removeprefix("shard"))
    for arm in scenario.arms:
        if arm.key == name or re.fullmatch(pattern, arm.key):
            return arm
    keys = ", ".join(arm.key for arm in scenario.arms)
    raise AdviceError(f"{scenario.key} has no arm {name!r}; it has {keys}")


def page(loads: Sequence[Load], results: Results) -> str:
    """The text between the markers. Raises AdviceError if a reference is left over."""
    cores = len(results.machine.get("cores_allowed", [])) or "an unknown number of"
    source = (
        f"From the run of {results.date}, commit {(results.commit or 'unknown')[:12]}, on {cores} cores; "
        f"bench/results/{results.name}/report.html has the rest."
    )
    parts = [source, summary(loads, results)]
    for load in loads:
        parts.append(f"## {load.title}")
        parts += [sentence(claim, results) for claim in load.claims]
        if load.text:
            parts.append(filled(load.text.strip(), results))
    return "\n\n".join(parts)


def summary(loads: Sequence[Load], results: Results) -> str:
    """All claims at one glance."""
    lines = ["| load | measured | shard against | result |", "| --- | --- | --- | --- |"]
    for load in loads:
        for claim in load.claims:
            found, _ = comparison(claim, results)
            scenario = scenario_of(claim.scenario, results)
            against = arm_of(claim.baseline, scenario).label
            shown = {"same": "no difference shown", "unmeasured": "not measured"}.get(
                outcome(claim, results), ""
            )
            result = shown or f"{digits(ratio(claim, found))} times"
            lines.append(f"| {load.title} | {METRICS[claim.metric].words} | {against} | {result} |")
    return "\n".join(lines)


def ratio(claim: Claim, found: Comparison | None) -> float:
    if found is None:
        raise AdviceError(f"{claim.name}: nothing was compared")
    return found.ratio


def sentence(claim: Claim, results: Results) -> str:
    found, _ = comparison(claim, results)
    if found is None:
        return f"{why_unmeasured(claim, results)}."
    text = claim.sentences[outcome(claim, results)]
    return filled(text.replace("{comparison}", found.text), results)


def why_unmeasured(claim: Claim, results: Results) -> str:
    scenario = scenario_of(claim.scenario, results)
    for name in (claim.arm, claim.baseline):
        arm = arm_of(name, scenario)
        if not arm.runs:
            return f"Not measured: {arm.label} did not run ({arm.error or 'no reason is recorded'})"
    return f"Not measured: no {METRICS[claim.metric].words} was recorded for both arms"


def filled(text: str, results: Results) -> str:
    """With every {{scenario:arm:metric}} replaced by the median of the rounds."""
    written = _REFERENCE.sub(lambda match: figure(match[1], results), text)
    if "{{" in written or "}}" in written or "{comparison}" in written:
        raise AdviceError(f"a reference is not resolved in {written[:80]!r}")
    return written


def figure(reference: str, results: Results) -> str:
    parts = [part.strip() for part in reference.split(":")]
    if len(parts) != 3:
        raise AdviceError(f"{{{{{reference}}}}} is not scenario:arm:metric")
    scenario = scenario_of(parts[0], results)
    arm = arm_of(parts[1], scenario)
    if parts[2] == "bytes_per_connection":
        values = [run.bytes_per_connection for run in arm.runs]
    elif parts[2] == "balance_max_over_mean":
        values = [run.balance_max_over_mean for run in arm.runs]
    elif parts[2] in METRICS:
        values = [METRICS[parts[2]].of(run) for run in arm.runs]
    else:
        raise AdviceError(f"{{{{{reference}}}}}: there is no metric {parts[2]!r}")
    there = [value for value in values if value is not None]
    return written(parts[2], median(there)) if there else "(not measured)"


def written(metric: str, value: float) -> str:
    if metric.endswith("_us") or "_us_" in metric:
        return duration(value)
    if metric == "bytes_per_connection":
        return f"{value:,.0f} bytes"
    if metric.endswith("_mb"):
        return f"{digits(value)} MB"
    return rate(value) if metric.endswith("_per_second") else digits(value)


def accepted(text: str, outcomes: Sequence[str]) -> str:
    """The file with these outcomes recorded, claim by claim; all else stays as it is."""
    following = iter(outcomes)
    return re.sub(
        r'^recorded = "[a-z]*"$',
        lambda _: f'recorded = "{next(following)}"',
        text,
        flags=re.MULTILINE,
    )
