"""make bench-frameworks: ASGI, WSGI, WebSocket, FastAPI and Flask against other servers. Every answer checked.

    bench/frameworks.py                 measures on .venv's interpreter, prints tables, writes bench/results/frameworks/
    bench/frameworks.py --python gil    the same on CPython 3.13 with a GIL, where turbo-shard runs in process mode;
                                        builds that interpreter if need be, writes bench/results/frameworks-gil/
    bench/frameworks.py --python PATH   the same on that interpreter, such as python3.14t: our wheel and the peers are
                                        built and installed for it; writes bench/results/frameworks-3.14t/
    ... --continue                      leaves out what the last run with these sources and settings has measured
    ... --write-docs                    puts the table of the last run into docs/benchmarks.md

Results are kept after each scenario; --only measures some of them again and leaves the others as they are. It ends
with status 0 whatever the figures are, and with 1 if an answer was wrong or a server of ours broke. What a peer cannot
do is listed with its error. The script itself runs on .venv/bin/python or any Python from 3.11 on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from turbo_shard_lab.load.generator import Load
from turbo_shard_lab.progress import duration
from turbo_shard_lab.scenarios import framework_report, page, peers
from turbo_shard_lab.scenarios.arms import ENGINES
from turbo_shard_lab.scenarios.entry import (
    Surroundings,
    install_peers,
    keep,
    own_command,
    prepare,
    run,
    say,
    write_docs,
)
from turbo_shard_lab.scenarios.framework_results import Kept, measured_scenario, servers, sources
from turbo_shard_lab.scenarios.grounds import Ground, ground_of
from turbo_shard_lab.scenarios.machine import cores_for_servers
from turbo_shard_lab.scenarios.places import RESULTS, ROOT
from turbo_shard_lab.scenarios.scaling import scaling
from turbo_shard_lab.scenarios.scenario_plan import OURS_S, PEERS_S
from turbo_shard_lab.scenarios.scenarios import WORKS, Scenario, against_peers, with_earlier

SCENARIOS = (*(work.key for work in WORKS), *(one.key for one in scaling(Ground(), ENGINES[0])))
# glommio is compared with these by make bench-engines.
DEFAULT_ENGINES = ("uring", "tokio")
# Some peers stall now and then; a run that waits longer for an answer is not worth the time.
ANSWER_TIMEOUT_S = 3


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/frameworks.py", description=(__doc__ or "").split("\n", 1)[0]
    )
    add = parser.add_argument
    add("--python", help="another interpreter: its path, or gil [.venv's]")
    add("--continue", dest="continues", action="store_true", help="leave out what is measured")
    add("--write-docs", action="store_true", help="no run: refresh the docs from the last one")
    add("--name", help="below bench/results [frameworks, frameworks-gil, frameworks-VERSION]")
    add("--only", choices=SCENARIOS, nargs="+", default=list(SCENARIOS), help="leave out the rest")
    add(
        "--engines", choices=ENGINES, nargs="+", default=list(DEFAULT_ENGINES), help="[uring tokio]"
    )
    add("--earlier", help="a folder with another build of ours (pip install --target): an arm more")
    add("--no-peers", action="store_true", help="compare with nobody else")
    add("--rounds", type=int, default=7, help="[7]")
    add("--seconds", type=float, default=0.6, help="counted per run [0.6]")
    add("--warm-up-seconds", type=float, default=0.25, help="before that [0.25]")
    add("--connections", type=int, default=32, help="[32]")
    return parser.parse_args(arguments)


def main() -> int:
    chosen = options(sys.argv[1:])
    ground = ground_of(chosen.python)
    folder = ROOT / RESULTS / (chosen.name or ground.name)
    if chosen.write_docs:
        pages = (("docs/benchmarks.md", page.frameworks),)
        return write_docs(folder, folder.name, pages)
    kept = Kept(folder)
    return run(
        folder,
        lambda: measure(chosen, ground, kept),
        framework_report.documentation,
        framework_report.terminal,
    )


def measure(chosen: argparse.Namespace, ground: Ground, kept: Kept) -> dict[str, Any]:
    if min(chosen.rounds, chosen.connections) < 1:
        raise SystemExit("bench: rounds and connections are 1 or more")
    if chosen.earlier and not Path(chosen.earlier, "turbo_shard").is_dir():
        raise SystemExit(f"bench: --earlier: there is no turbo_shard in {chosen.earlier}")
    known = peers.catalogue()
    warnings, missing = put_in_place(chosen, ground, known)
    here = prepare([], "bench-frameworks", with_peers=False)
    here.warnings[:0] = warnings
    here.about |= servers(ground, known, missing)
    cores = cores_for_servers(here.cores, here.server_core, here.load_core)
    load = Load(
        chosen.connections,
        chosen.seconds,
        chosen.warm_up_seconds,
        (here.load_core,),
        answer_timeout_seconds=ANSWER_TIMEOUT_S,
    )
    settings = settings_of(chosen, ground, here)
    kept.begin(settings, sources())
    scenarios = wanted(chosen, ground, known, missing)
    left = [one for one in scenarios if not (chosen.continues and kept.has(one.key))]
    if chosen.continues:
        say(f"{len(scenarios) - len(left)} of {len(scenarios)} scenarios are there already")
    say(f"{run_count(left, chosen.rounds)} runs, about {duration(planned_s(left, chosen))}")
    for one in left:
        say(one.title)
        kept.add(measured_scenario(one, chosen.rounds, load, cores, say))
        keep(kept.folder, kept.results(here, SCENARIOS), framework_report.documentation)
    return kept.results(here, SCENARIOS)


def put_in_place(
    chosen: argparse.Namespace, ground: Ground, known: dict[str, peers.Peer]
) -> tuple[list[str], dict[str, str]]:
    """Installs what runs on this interpreter. Returns warnings, and by peer key why a peer cannot be installed."""
    # Also without peers: FastAPI and Flask are in their environment.
    warnings = install_peers() if not ground.version else []
    ground.put_turbo_shard()
    if chosen.no_peers:
        return warnings, {}
    return warnings, peers.install_all(ground.rivals(known), say, ground.python)


def settings_of(chosen: argparse.Namespace, ground: Ground, here: Surroundings) -> dict[str, Any]:
    return {
        "command": own_command("bench/frameworks.py"),
        "interpreter": ground.label,
        "engines": chosen.engines,
        "peers": not chosen.no_peers,
        "earlier": bool(chosen.earlier),
        "rounds": chosen.rounds,
        "seconds": chosen.seconds,
        "warm_up_seconds": chosen.warm_up_seconds,
        "connections": chosen.connections,
        "server_core": here.server_core,
        "load_core": here.load_core,
    }


def wanted(
    chosen: argparse.Namespace,
    ground: Ground,
    known: dict[str, peers.Peer],
    missing: dict[str, str],
) -> list[Scenario]:
    works = against_peers(ground, chosen.engines, known, missing)
    if chosen.earlier:
        works = [with_earlier(one, chosen.earlier) for one in works]
    every = [*works, *scaling(ground, chosen.engines[0])]
    scenarios = [scenario for scenario in every if scenario.key in chosen.only]
    return [one.without_peers() for one in scenarios] if chosen.no_peers else scenarios


def run_count(scenarios: list[Scenario], rounds: int) -> int:
    return rounds * sum(not arm.missing for one in scenarios for arm in one.arms)


def planned_s(scenarios: list[Scenario], chosen: argparse.Namespace) -> float:
    each = chosen.seconds + chosen.warm_up_seconds
    arms = [arm for one in scenarios for arm in one.arms if not arm.missing]
    one_round = sum(each + (PEERS_S if arm.is_peer else OURS_S) for arm in arms)
    return float(chosen.rounds * one_round)


if __name__ == "__main__":
    sys.exit(main())
