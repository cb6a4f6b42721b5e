"""Results kept scenario by scenario: older figures stay until they are measured again.

Each scenario says when it was measured and from which sources: a run that was cut short can be continued, and one
scenario measured again, without passing for one run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import results
from ..measure.machine import commit_of, git_in, output_of
from ..results import Measured, Results, ResultsError, ScenarioResult

# The sources that the figures depend on.
SOURCES = ("runtime", "python-bridge", "bench/apps", "bench/peers", "examples")


def sources_of(checkout: Path) -> str:
    """The trees of the measured sources; nothing where they have uncommitted changes."""
    git = git_in(checkout)
    if output_of([*git, "status", "--porcelain", "--", *SOURCES]):
        return ""
    return " ".join(output_of([*git, "rev-parse", *(f"HEAD:{one}" for one in SOURCES)]).split())


class Kept:
    """The results in a folder while a run adds to them."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], sources: str) -> None:
        """Takes over the folder's results with the same settings; all others are other measurements and are dropped."""
        self.sources = sources
        self.scenarios: dict[str, ScenarioResult] = {}
        try:
            before = results.read(folder / "results.json")
        except ResultsError:
            return
        if before.settings == settings:
            self.scenarios = {one.key: one for one in before.scenarios if one.measured}

    def has(self, key: str) -> bool:
        """Whether a scenario was measured with the sources as they are, none of them changed since the commit."""
        found = self.scenarios.get(key)
        return bool(
            found and found.measured and self.sources and found.measured.sources == self.sources
        )

    def add(self, scenario: ScenarioResult, started: datetime, *, is_whole: bool = True) -> None:
        """What was cut short or broke is shown, and measured again by a run that continues this one."""
        scenario.measured = Measured(
            started.isoformat(timespec="seconds"),
            round((datetime.now(UTC) - started).total_seconds(), 1),
            commit_of(Path.cwd(), *SOURCES),
            self.sources if is_whole else "",
        )
        self.scenarios[scenario.key] = scenario

    def in_order(self, keys: Iterable[str]) -> list[ScenarioResult]:
        return [self.scenarios[key] for key in keys if key in self.scenarios]


def measured_apart(found: Results) -> list[str]:
    """Scenarios that were measured from other sources than the last one: one line for each commit."""
    commits: dict[str, list[ScenarioResult]] = {}
    for scenario in found.scenarios:
        if scenario.measured:
            commits.setdefault(scenario.measured.commit or "unknown", []).append(scenario)
    if len(commits) < 2:
        return []
    return [
        f"measured at commit {commit[:12]}, {of[0].measured.started if of[0].measured else ''}: "
        + "; ".join(scenario.title for scenario in of)
        for commit, of in commits.items()
    ]
