"""A run of planned scenarios into a folder of results: installs what they need, measures, and keeps what there is after
each. Knows no options."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import results
from ..compare.table import text_of
from ..measure import machine, own_process
from ..measure.own_process import EXIT_INTERRUPTED
from ..measure.placement import place
from ..progress import Progress
from ..report import html, markdown
from ..results import Results
from . import peers
from .folder import own_command, replace_file, say
from .kept import SOURCES, Kept, measured_apart
from .peer_versions import versions_of
from .plan import PlannedScenario, total_s
from .run import ScenarioRun


@dataclass
class Measuring:
    """One run. `keys` are those of all scenarios that may stand in the folder, in their order."""

    folder: Path
    kept: Kept
    keys: Sequence[str]
    plans: list[PlannedScenario]
    seed: int
    started: float = field(default_factory=time.monotonic)

    def run(self, settings: Mapping[str, Any]) -> int:
        """Measures, shows and writes what there is, however it ends; the exit status."""
        own_process.prepare()
        found = Results(
            name=self.folder.name,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=machine.commit_of(Path.cwd(), *SOURCES),
            seed=self.seed,
            duration_s=0.0,
            command=own_command("bench/run.py"),
            machine=machine.describe(),
            versions=machine.versions() | {"rustc": machine.output_of(["rustc", "--version"])},
            settings=dict(settings),
        )
        status = 0
        try:
            self.install(found)
            found.warnings += own_process.busy_warnings()
            status = self.measure(found)
        except KeyboardInterrupt:
            found.warnings.append("interrupted: what is shown was measured before")
            status = EXIT_INTERRUPTED
        self.gather(found)
        found.warnings += measured_apart(found)
        if any(one.arms for one in found.scenarios):
            self.write(found)
        return status

    def install(self, found: Results) -> None:
        """Puts ours and the named peers on their interpreters, and notes in the plans which could not be installed."""
        if not self.plans:
            return
        ground = self.plans[0].around.ground
        if any(plan.scenario.framework for plan in self.plans):
            found.warnings += ground.put_frameworks()
        ground.put_turbo_shard()
        found.versions |= ground.versions()
        named = {
            one.peer.key: one.peer
            for plan in self.plans
            for one in plan.candidates
            if one.peer is not None
        }
        errors = peers.install_all(list(named.values()), say, ground.python)
        found.versions["peers"] = {
            key: versions_of(peer) for key, peer in named.items() if key not in errors
        }
        self.plans = [
            plan.with_candidates(
                [
                    replace(one, error=one.error or errors.get(one.peer.key if one.peer else ""))
                    for one in plan.candidates
                ]
            )
            for plan in self.plans
        ]

    def measure(self, found: Results) -> int:
        if not self.plans:
            return 0
        own_process.stay_on(place(self.plans[0].around.cores).load)
        status = 0
        with Progress(total_s(self.plans), quiet=False) as progress:
            for plan in self.plans:
                progress.note(f"{plan.scenario.key}: {plan.scenario.question}")
                one, started, is_whole = ScenarioRun(plan, progress), datetime.now(UTC), False
                try:
                    one.measure()
                    is_whole = not one.is_broken
                finally:
                    if any(arm.runs or arm.error for arm in one.result.arms) or one.result.figures:
                        self.kept.add(one.result, started, is_whole=is_whole)
                if one.is_broken:
                    status = 1
                    failed = [f"{arm.label}: {arm.error}" for arm in one.result.arms if arm.error]
                    progress.note(f"{plan.scenario.key} broke: {'; '.join(failed)}")
                self.gather(found)
                replace_file(self.folder / "results.json", results.as_text(found))
        return status

    def gather(self, found: Results) -> None:
        found.scenarios = self.kept.in_order(self.keys)
        found.duration_s = round(time.monotonic() - self.started, 1)

    def write(self, found: Results) -> None:
        """With charts where architectures are compared; goals and costs are tables."""
        text = results.as_text(found)
        replace_file(self.folder / "results.json", text)
        # Of what was recorded, which is rounded: a report that is made of it later is the same.
        found = results.from_text(text)
        replace_file(self.folder / "report.md", markdown(found))
        if found.has_goals:
            print(text_of(found))
        else:
            replace_file(self.folder / "report.html", html(found))
        say(f"{self.folder} has the results and their report; {found.duration_s:.0f} s")
