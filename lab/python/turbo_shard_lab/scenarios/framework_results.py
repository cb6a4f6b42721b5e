"""Results of bench/frameworks.py, scenario by scenario: older figures stay until they are measured again.

Each scenario says when it was measured and from which sources: a run that was cut short can be continued, and one
scenario measured again, without passing for one run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..load.generator import Load
from .doubts import doubts, is_broken
from .entry import Surroundings
from .figures import Figure, over_the_best, ratio
from .grounds import Ground
from .machine import GIT, output_of, python_of, version_script
from .peer_versions import versions_of
from .peers import Peer
from .places import PYTHON
from .rounds import ArmRuns, run_rounds
from .scenarios import Scenario
from .under_test import example_command

# The sources that the figures depend on.
SOURCES = ("runtime", "python-bridge", "bench/peers")
# Settings that do not change what a figure means.
INCIDENTAL = ("command",)


class Kept:
    """The results in a folder while a run adds to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, Any] = {}
        self.sources = ""
        self.scenarios: dict[str, dict[str, Any]] = {}

    def begin(self, settings: dict[str, Any], sources: str) -> None:
        """Takes over the folder's results with the same settings; all others are other measurements and are dropped."""
        self.settings, self.sources = settings, sources
        try:
            before = json.loads((self.folder / "results.json").read_text())
        except (OSError, ValueError):
            return
        if meaning(before.get("settings", {})) == meaning(settings):
            self.scenarios = {one["key"]: one for one in before["scenarios"] if "measured" in one}

    def has(self, key: str) -> bool:
        """Whether a scenario was measured with the sources as they are, none of them changed since the commit."""
        found = self.scenarios.get(key)
        return bool(found and self.sources and found["measured"]["sources"] == self.sources)

    def add(self, scenario: dict[str, Any]) -> None:
        scenario["measured"]["sources"] = self.sources
        scenario["measured"]["commit"] = output_of([*GIT, "rev-parse", "HEAD"])
        self.scenarios[scenario["key"]] = scenario

    def results(self, here: Surroundings, order: Sequence[str]) -> dict[str, Any]:
        scenarios = [self.scenarios[key] for key in order if key in self.scenarios]
        return {
            "name": self.folder.name,
            **here.as_json(),
            "settings": self.settings,
            "scenarios": scenarios,
            "figures": [figure for one in scenarios for figure in one["figures"]],
            "warnings": here.warnings,
            "broken": any(one["broken"] for one in scenarios),
        }


def meaning(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in INCIDENTAL}


def sources() -> str:
    """The trees of the measured sources; nothing where they have uncommitted changes."""
    if output_of([*GIT, "status", "--porcelain", "--", *SOURCES]):
        return ""
    return " ".join(output_of([*GIT, "rev-parse", *(f"HEAD:{one}" for one in SOURCES)]).split())


def servers(
    ground: Ground, known: Mapping[str, Peer], missing: Mapping[str, str]
) -> dict[str, Any]:
    """The machine's description of the compared servers: ours, and each peer's environment."""
    python = ground.folder / "bin" / "python" if ground.version else PYTHON
    found: dict[str, dict[str, str]] = {}
    for peer in ground.rivals(known):
        name = peer.environment or "uvicorn, granian and the frameworks"
        if name not in found:
            error = missing.get(peer.key)
            found[name] = {"error": error} if error else {"packages": versions_of(peer)}
    return {
        "python": python_of(python),
        "turbo_shard": output_of([str(python), "-I", "-c", version_script(["turbo-shard"])]),
        "peers": found,
    }


def measured_scenario(
    scenario: Scenario, rounds: int, load: Load, cores: Sequence[int], say: Callable[[str], None]
) -> dict[str, Any]:
    started = datetime.now(UTC)
    results = run_rounds(scenario.arms, rounds, load, cores, say)
    return {
        "key": scenario.key,
        "title": scenario.title,
        "generator": example_command(scenario.arms[0].question, load),
        "arms": [result.as_json() for result in results],
        "figures": [figure.as_json() for figure in figures_of(scenario, results)],
        "doubts": doubts(results),
        "broken": is_broken(results),
        "measured": {
            "started": started.isoformat(timespec="seconds"),
            "took_seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
        },
    }


def figures_of(scenario: Scenario, results: Sequence[ArmRuns]) -> list[Figure]:
    """First against the best peer, then one by one."""
    by_key = {result.arm.key: result for result in results}
    figures = []
    if scenario.rivals:
        rivals = [by_key[key] for key in scenario.rivals]
        for result in results:
            if not (result.arm.is_peer or result.arm.key.endswith("_earlier")):
                key = f"{result.arm.key}_over_best"
                figures.append(over_the_best(key, scenario.title, result, rivals, scenario.goal))
    for one in scenario.comparisons:
        over, under = by_key[one.over], by_key[one.under]
        third = by_key[one.and_under] if one.and_under else None
        by = f", by {one.name}" if one.name else ""
        label = f"{scenario.title}: {over.arm.label} relative to {under.arm.label}{by}"
        key = f"{one.over}_over_{one.under}{by.replace(', ', '_').replace(' ', '_')}"
        figures.append(ratio(key, label, over, under, one.goal, one.of, third))
    return figures
