"""make bench: every scenario of bench/scenarios/ in its arms, interleaved in rounds, every answer checked; 15 minutes.

    bench/run.py                    measures, writes bench/results/scenarios/: results.json, report.md, report.html
    bench/run.py --list             what there is and how long it takes; measures nothing
    bench/run.py --only bimodal     only that one; --quick for a first look
    bench/run.py --write-docs       puts a table of the last run into docs/benchmarks.md

It ends with status 0 whatever the figures are, and with 1 if an answer was wrong or a server of ours broke. What a peer
cannot do is listed with its error. Runs on .venv/bin/python.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from turbo_shard_lab import results
from turbo_shard_lab.measure import machine
from turbo_shard_lab.measure.placement import place
from turbo_shard_lab.progress import Progress, duration
from turbo_shard_lab.report import html, markdown
from turbo_shard_lab.results import Results
from turbo_shard_lab.scenarios import peers, scenario_docs, scenario_file
from turbo_shard_lab.scenarios.entry import BUSY_CORES_MAX, own_command, refuse, say
from turbo_shard_lab.scenarios.peer_versions import versions_of
from turbo_shard_lab.scenarios.places import RESULTS, ROOT, TURBO_LOAD, TURBO_SHARD
from turbo_shard_lab.scenarios.report import write_between_markers
from turbo_shard_lab.scenarios.scenario_arms import Candidate
from turbo_shard_lab.scenarios.scenario_file import Scenario
from turbo_shard_lab.scenarios.scenario_plan import PlannedScenario, plan_text, planned, total_s
from turbo_shard_lab.scenarios.scenario_run import ScenarioRun
from turbo_shard_lab.scenarios.toml_table import TableError

# The time that `make bench` may take in all on two cores, and its part for installing and rendering.
LIMIT_S = 15 * 60
QUICK_ROUNDS = 1
QUICK_SECONDS = 0.3
BUSY_S = 0.5
EXIT_INTERRUPTED = 130
DOCS = "docs/benchmarks.md"


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run.py", description=(__doc__ or "").split("\n", 1)[0]
    )
    add = parser.add_argument
    add("--list", action="store_true", help="print the plan and measure nothing")
    add("--write-docs", action="store_true", help="no run: refresh the docs from the last one")
    add("--name", default="scenarios", help="below bench/results [scenarios]")
    add("--only", nargs="+", metavar="SCENARIO", help="leave out the rest; see --list")
    add("--peers", nargs="+", metavar="PEER", help="instead of those that the files name; or none")
    add("--rounds", type=int, help="[as each file says]")
    add("--seconds", type=float, help="counted per run [as each file says]")
    add("--quick", action="store_true", help="one round of 0.3 s: do they all run?")
    add("--seed", type=int, default=1, help="of arrivals, mixes and intervals [1]")
    return parser.parse_args(arguments)


def main() -> int:
    chosen = options(sys.argv[1:])
    folder = ROOT / RESULTS / chosen.name
    try:
        if chosen.write_docs:
            return write_docs(folder)
        plans = plans_of(chosen)
    except (TableError, results.ResultsError) as error:
        return refuse(str(error), 2)
    print(plan_text(plans), file=sys.stderr)
    if chosen.list:
        return 0
    if (seconds := total_s(plans)) > LIMIT_S:
        say(f"bench: this takes more than {duration(LIMIT_S)}: about {duration(seconds)}")
    for program in (TURBO_LOAD, TURBO_SHARD):
        if not (ROOT / program).exists():
            return refuse(f"{program} is missing; make bench builds it", 1)
    return run(plans, folder, chosen.seed)


def plans_of(chosen: argparse.Namespace) -> list[PlannedScenario]:
    """Raises TableError for names that do not exist."""
    if min(chosen.rounds or 1, chosen.seconds or 1) <= 0:
        raise TableError("--rounds and --seconds are above 0")
    scenarios = scenario_file.read_all()
    if chosen.peers is not None:
        scenarios = [with_peers(scenario, chosen.peers) for scenario in scenarios]
    rounds = chosen.rounds or (QUICK_ROUNDS if chosen.quick else None)
    seconds = chosen.seconds or (QUICK_SECONDS if chosen.quick else None)
    return planned(
        wanted(scenarios, chosen.only),
        sorted(os.sched_getaffinity(0)),
        peers.catalogue(),
        seed=chosen.seed,
        rounds=rounds,
        seconds=seconds,
    )


def wanted(scenarios: list[Scenario], names: list[str] | None) -> list[Scenario]:
    """`example-routes` stands for every number of connections that its file has."""
    if names is None:
        return [one for one in scenarios if not one.on_request]
    found = []
    for name in names:
        some = [one for one in scenarios if one.key == name or one.file_key == name]
        if not some:
            keys = ", ".join(one.key for one in scenarios)
            raise TableError(f"there is no scenario {name!r}; there are {keys}")
        found += [one for one in some if one not in found]
    return found


def with_peers(scenario: Scenario, names: list[str]) -> Scenario:
    """Where a scenario has peers at all."""
    if not scenario.peers:
        return scenario
    return scenario.with_peers(() if names == ["none"] else tuple(names))


def run(plans: list[PlannedScenario], folder: Path, seed: int) -> int:
    # Servers end on the way out: after Ctrl-C, even if a shell started us with it ignored, and after a stop.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    # Ten thousand connections, for every process started from here.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    found = Results(
        name=folder.name,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=machine.commit_of(ROOT),
        seed=seed,
        duration_s=0.0,
        command=own_command("bench/run.py"),
        machine=machine.describe(),
        versions=machine.versions(),
    )
    started = time.monotonic()
    status = 0
    try:
        plans = with_peers_installed(plans, found)
        if (busy := machine.busy_share(BUSY_S)) > BUSY_CORES_MAX:
            found.warnings.append(
                f"the machine was not quiet: {busy:.1f} cores were busy before the start"
            )
        status = measure(plans, found)
    except KeyboardInterrupt:
        found.warnings.append("interrupted: what is shown was measured before")
        status = EXIT_INTERRUPTED
    found.duration_s = round(time.monotonic() - started, 1)
    if any(arm.runs or arm.error for one in found.scenarios for arm in one.arms):
        write(found, folder)
    return status


def with_peers_installed(plans: list[PlannedScenario], found: Results) -> list[PlannedScenario]:
    """Installs the named peers, and notes in the plan which could not be installed."""
    known = peers.catalogue()
    keys = {one.arm.key for plan in plans for one in plan.candidates if one.arm.is_peer}
    named = [peer for key, peer in known.items() if key in keys]
    errors = peers.install_all(named, say)
    found.versions["peers"] = {
        peer.key: versions_of(peer) for peer in named if peer.key not in errors
    }
    return [
        plan.with_candidates(
            [
                Candidate(one.name, one.arm, one.error or errors.get(one.arm.key))
                for one in plan.candidates
            ]
        )
        for plan in plans
    ]


def measure(plans: list[PlannedScenario], found: Results) -> int:
    """Work done here must not take time from the servers, so it runs on the load's cores."""
    os.sched_setaffinity(0, place(sorted(os.sched_getaffinity(0))).load)
    status = 0
    with Progress(total_s(plans), quiet=False) as progress:
        for plan in plans:
            progress.note(f"{plan.scenario.key}: {plan.scenario.question}")
            one = ScenarioRun(plan, progress)
            found.scenarios.append(one.result)
            one.measure()
            if one.is_broken:
                status = 1
                failed = [f"{arm.label}: {arm.error}" for arm in one.result.arms if arm.error]
                progress.note(f"{plan.scenario.key} broke: {'; '.join(failed)}")
    return status


def write(found: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.write(found, folder / "results.json")
    (folder / "report.md").write_text(markdown(found))
    (folder / "report.html").write_text(html(found))
    say(
        f"{folder.relative_to(ROOT)}: results.json, report.md, report.html; {found.duration_s:.0f} s"
    )


def write_docs(folder: Path) -> int:
    """Puts the short tables of the last results between the markers."""
    found = results.read(folder / "results.json")
    if not write_between_markers(ROOT / DOCS, folder.name, scenario_docs.documentation(found)):
        return refuse(f"{DOCS} does not have the markers of {folder.name}", 1)
    say(f"{DOCS} has the figures of {found.date}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
