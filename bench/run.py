"""make bench and its like: every scenario of a suite in its arms, interleaved in rounds, every answer checked.

    bench/run.py                       bench/scenarios/*.toml, which takes 15 minutes; writes bench/results/scenarios/
    bench/run.py --suite smoke         those of bench/scenarios/smoke/: the goals of README.md, in two minutes
    bench/run.py --list                what there is and how long it takes; measures nothing
    bench/run.py --only bimodal        only that one; --quick for a first look
    bench/run.py --python gil          on CPython 3.13 with a GIL, which is built if need be; ours in process mode
    bench/run.py --python PATH         on that interpreter: our wheel and the peers are built and installed for it
    bench/run.py --continue            leaves out what the last run with these sources and settings has measured
    bench/run.py --write-docs          puts a table of the last run into docs/benchmarks.md

Results are results.json, report.md and, where architectures are compared, report.html. They are kept after each
scenario, and scenarios that are left out keep the figures that they have from a run with the same settings. It ends
with status 0 whatever the figures are, and with 1 if an answer was wrong or a server of ours broke. What a peer cannot
do is listed with its error. Runs on .venv/bin/python.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from turbo_shard_lab import results
from turbo_shard_lab.progress import duration
from turbo_shard_lab.scenarios import files, page, peers
from turbo_shard_lab.scenarios.arms import Surroundings
from turbo_shard_lab.scenarios.folder import refuse, say, write_part
from turbo_shard_lab.scenarios.grounds import Ground, ground_of
from turbo_shard_lab.scenarios.kept import Kept, sources_of
from turbo_shard_lab.scenarios.measuring import Measuring
from turbo_shard_lab.scenarios.places import (
    FIXED_ANSWER,
    RESULTS,
    SCENARIOS,
    TURBO_LOAD,
    TURBO_SHARD,
)
from turbo_shard_lab.scenarios.plan import PlannedScenario, plan_text, planned, total_s
from turbo_shard_lab.scenarios.scenario import Scenario
from turbo_shard_lab.scenarios.toml_table import TableError

# The suite without a folder of its own, and the time that `make bench` may take in all on two cores.
DEFAULT_SUITE = "scenarios"
LIMIT_S = 15 * 60
QUICK_ROUNDS = 1
QUICK_SECONDS = 0.3
README = Path("README.md")
EXIT_USAGE = 2


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run.py", description=(__doc__ or "").split("\n", 1)[0]
    )
    add = parser.add_argument
    add("--list", action="store_true", help="print the plan and measure nothing")
    add("--write-docs", action="store_true", help="no run: refresh the docs from the last one")
    add("--suite", default=DEFAULT_SUITE, help=f"a folder of {SCENARIOS} [itself]")
    add("--name", help="below bench/results [the suite, and -gil or the version of --python]")
    add("--only", nargs="+", metavar="SCENARIO", help="leave out the rest; see --list")
    add("--continue", dest="continues", action="store_true", help="leave out what is measured")
    add("--python", help="another interpreter: its path, or gil [.venv's]")
    add("--engines", nargs="+", metavar="ENGINE", default=[], help="leave out the others")
    add("--peers", nargs="+", metavar="PEER", help="instead of those that the files name; or none")
    add("--no-peers", dest="peers", action="store_const", const=["none"], help="--peers none")
    add("--earlier", default="", help="a folder with another build of ours (pip install --target)")
    add("--rounds", type=int, help="[as each file says]")
    add("--seconds", type=float, help="counted per run [as each file says]")
    add("--warm-up-seconds", type=float, help="before that [as each file says]")
    add("--quick", action="store_true", help="one round of 0.3 s: do they all run?")
    add("--seed", type=int, default=1, help="of arrivals, mixes and intervals [1]")
    return parser.parse_args(arguments)


def main() -> int:
    # Every path in files and reports is relative to the checkout.
    os.chdir(Path(__file__).resolve().parent.parent)
    chosen = options(sys.argv[1:])
    try:
        ground = ground_of(chosen.python)
        folder = RESULTS / (chosen.name or f"{chosen.suite}{ground.suffix}")
        if chosen.write_docs:
            return write_docs(folder)
        plans = plans_of(chosen, ground)
    except (TableError, results.ResultsError) as error:
        return refuse(str(error), EXIT_USAGE)
    print(plan_text(plans), file=sys.stderr)
    if chosen.list:
        return 0
    if chosen.suite == DEFAULT_SUITE and (seconds := total_s(plans)) > LIMIT_S:
        say(f"bench: this takes more than {duration(LIMIT_S)}: about {duration(seconds)}")
    for program in programs(plans):
        if not program.exists():
            return refuse(f"{program} is missing; the make target of the suite builds it", 1)
    kept = Kept(folder, settings_of(chosen, ground), sources_of(Path.cwd()))
    if chosen.continues:
        left = [plan for plan in plans if not kept.has(plan.scenario.key)]
        say(f"{len(plans) - len(left)} of {len(plans)} scenarios are there already")
        plans = left
    keys = [one.key for one in files.read_all(folder_of(chosen.suite))]
    return Measuring(folder, kept, keys, plans, chosen.seed).run(settings_of(chosen, ground))


def folder_of(suite: str) -> Path:
    folder = SCENARIOS if suite == DEFAULT_SUITE else SCENARIOS / suite
    if not folder.is_dir() or not any(folder.glob("*.toml")):
        raise TableError(f"there is no suite {suite!r} in {SCENARIOS}")
    return folder


def plans_of(chosen: argparse.Namespace, ground: Ground) -> list[PlannedScenario]:
    """Raises TableError for names that do not exist."""
    if min(chosen.rounds or 1, chosen.seconds or 1) <= 0:
        raise TableError("--rounds and --seconds are above 0")
    if chosen.earlier and not Path(chosen.earlier, "turbo_shard").is_dir():
        raise TableError(f"--earlier: there is no turbo_shard in {chosen.earlier}")
    scenarios = wanted(files.read_all(folder_of(chosen.suite)), chosen.only)
    if ground.has_gil:
        scenarios = [one for one in scenarios if not one.free_threaded_only]
    if chosen.peers is not None:
        scenarios = [with_peers(scenario, chosen.peers) for scenario in scenarios]
    if chosen.warm_up_seconds is not None:
        scenarios = [replace(one, warm_up_seconds=chosen.warm_up_seconds) for one in scenarios]
    around = Surroundings(
        sorted(os.sched_getaffinity(0)), ground, tuple(chosen.engines), chosen.earlier
    )
    return planned(
        scenarios,
        around,
        peers.catalogue(),
        seed=chosen.seed,
        rounds=chosen.rounds or (QUICK_ROUNDS if chosen.quick else None),
        seconds=chosen.seconds or (QUICK_SECONDS if chosen.quick else None),
    )


def wanted(scenarios: list[Scenario], names: list[str] | None) -> list[Scenario]:
    """`example-routes` stands for every number of connections that its file has."""
    if names is None:
        return [one for one in scenarios if not one.on_request]
    found: list[Scenario] = []
    for name in names:
        some = [one for one in scenarios if one.key == name or one.file_key == name]
        if not some:
            keys = ", ".join(one.key for one in scenarios)
            raise TableError(f"there is no scenario {name!r}; there are {keys}")
        found += [one for one in some if one not in found]
    return found


def with_peers(scenario: Scenario, names: list[str]) -> Scenario:
    """Where a scenario has peers at all."""
    if not (scenario.peers or scenario.peer_apps):
        return scenario
    return scenario.with_peers(() if names == ["none"] else tuple(names))


def programs(plans: Sequence[PlannedScenario]) -> list[Path]:
    """Those that must have been built."""
    found = [TURBO_LOAD, TURBO_SHARD]
    commands = [one.arm.command[0] for plan in plans for one in plan.candidates]
    return [*found, FIXED_ANSWER] if str(FIXED_ANSWER) in commands else found


def settings_of(chosen: argparse.Namespace, ground: Ground) -> dict[str, Any]:
    """What figures must have in common to stand in one file."""
    return {
        "suite": chosen.suite,
        "interpreter": ground.label,
        "engines": list(chosen.engines),
        "peers": chosen.peers,
        "earlier": bool(chosen.earlier),
        "rounds": chosen.rounds or (QUICK_ROUNDS if chosen.quick else None),
        "seconds": chosen.seconds or (QUICK_SECONDS if chosen.quick else None),
        "warm_up_seconds": chosen.warm_up_seconds,
        "seed": chosen.seed,
    }


def write_docs(folder: Path) -> int:
    """Puts the short tables of the last results between the markers."""
    found = results.read(folder / "results.json")
    status = write_part(page.docs_of(found), folder.name, page.documentation(found), found.date)
    summary = page.SUMMARIES.get(found.settings.get("suite", ""))
    # README has the figures of .venv's own interpreter only.
    if summary is not None and folder.name == found.settings["suite"]:
        status = max(status, write_part(README, folder.name, summary(found), found.date))
    return status


if __name__ == "__main__":
    sys.exit(main())
