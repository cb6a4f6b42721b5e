"""make bench-simulation: how far is the simulation from what is measured here, and what does it predict beyond? Under
four minutes.

    bench/validate_simulation.py                 measures, simulates the same, writes bench/results/simulation/
    bench/validate_simulation.py --write-docs    writes report.md there and the short tables of docs/simulation.md

Costs are those of the last calibration (`turbo-shard simulate --calibrate`), except what one request costs besides its
handler, which is measured at the start with the app that is used here. Runs on .venv/bin/python.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from turbo_shard_lab.load.generator import BrokenRun, Load, Question, WrongAnswer, run_load
from turbo_shard_lab.measure import machine, own_process, procfs
from turbo_shard_lab.measure.placement import place
from turbo_shard_lab.measure.server import Server, ServerFailed
from turbo_shard_lab.scenarios.folder import own_command, refuse, replace_file, say, write_part
from turbo_shard_lab.scenarios.kept import SOURCES
from turbo_shard_lab.scenarios.places import RESULTS, TURBO_LOAD, TURBO_SHARD
from turbo_shard_lab.simulate import calibration, prediction_text
from turbo_shard_lab.simulate.options import SimulateOptions, options_from
from turbo_shard_lab.simulate.prediction import Band, predict
from turbo_shard_lab.simulate.prediction import Question as Asked
from turbo_shard_lab.simulate.simulate import simulate
from turbo_shard_lab.simulate.validation_cases import CORES, OUTLOOKS, Case, as_json, cases
from turbo_shard_lab.simulate.validation_report import (
    METRICS,
    calibration_json,
    document,
    loads_of,
    outlook,
    validation,
)

DOCS = Path("docs/simulation.md")
WARM_UP_S = 0.5
SATURATED_S = 1.5
PROBE_US = 100
SEEDS = range(1, 10)
SEED = 1
BODY = '{"done":true}'
# Beside a server on the same cores: the generator must not wait for a handler to end.
NICE = ("nice", "-n", "-10")


@dataclass(frozen=True)
class Unpinned(Load):
    """A load that runs on any core and does not wait actively, since the server needs them all."""

    def options(self) -> list[str]:
        options = super().options()
        at = options.index("--cpu")
        return options[:at] + options[at + 2 :]


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/validate_simulation.py", description=(__doc__ or "").split("\n", 1)[0]
    )
    add = parser.add_argument
    add("--write-docs", action="store_true", help="no run: refresh the docs from the last one")
    add("--name", default="simulation", help="below bench/results [simulation]")
    add("--no-outlook", action="store_true", help="only validate, predict nothing")
    return parser.parse_args(arguments)


def main() -> int:
    os.chdir(Path(__file__).resolve().parent.parent)
    chosen = options(sys.argv[1:])
    folder = RESULTS / chosen.name
    if chosen.write_docs:
        return write_docs(folder)
    for program in (TURBO_LOAD, TURBO_SHARD):
        if not program.exists():
            return refuse(f"{program} is missing; make bench-simulation builds it", 1)
    own_process.prepare()
    try:
        found = measure(chosen)
    except KeyboardInterrupt:
        return refuse("interrupted", own_process.EXIT_INTERRUPTED)
    except (WrongAnswer, BrokenRun) as error:
        return refuse(f"{type(error).__name__}: {error}", 1)
    replace_file(folder / "results.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    write_report(folder, found)
    print(validation(found))
    return 1 if found["broken"] else 0


def write_report(folder: Path, found: dict[str, Any]) -> None:
    command = found["settings"]["command"]
    replace_file(folder / "report.md", f"# {command}\n\n{document(found)}\n")


def write_docs(folder: Path) -> int:
    """Puts the last results into report.md and between the markers of the page."""
    found = json.loads((folder / "results.json").read_text())
    write_report(folder, found)
    parts = {"validation": validation, "outlook": outlook}
    return max(
        write_part(DOCS, f"simulation-{part}", make(found), found["started"])
        for part, make in parts.items()
    )


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    began, clock = datetime.now(UTC), time.monotonic()
    where = place(sorted(os.sched_getaffinity(0)))
    warnings = own_process.busy_warnings()
    cores = (where.server[0], where.load[-1])
    found = calibration.read()
    costs, request_us = own_costs(found.costs(), cores)
    rows, broken = [], []
    for case in cases():
        try:
            rows.append(compared(case, costs, request_us, cores))
        except (ServerFailed, BrokenRun) as error:
            broken.append(f"{case.title}, {case.mode}: {error}")
            say(broken[-1])
    return {
        "name": chosen.name,
        "started": began.isoformat(timespec="seconds"),
        "took_seconds": time.monotonic() - clock,
        "machine": machine.describe() | {"commit": machine.commit_of(Path.cwd(), *SOURCES)},
        "settings": {
            "command": own_command("bench/validate_simulation.py"),
            "server_core": cores[0],
            "load_core": cores[1],
            "calibration": calibration_json(found),
            "costs": costs,
        },
        "cases": rows,
        "outlooks": [] if chosen.no_outlook else outlooks(),
        "warnings": warnings + broken,
        "broken": bool(broken),
    }


def own_costs(costs: dict[str, float], cores: tuple[int, int]) -> tuple[dict[str, float], float]:
    """The calibrated costs, with what a request costs besides its handler in the app that is used here."""
    took = {}
    for mode in ("shard", "steal"):
        case = Case("saturated", mode, 1, f"/spin/{PROBE_US}", {"kind": "fixed", "us": 0.0}, 1.0)
        with server_of(case, cores) as server:
            load = Load(32, SATURATED_S, 0.0, (cores[1],))
            asked(server, case, replace(load, seconds=WARM_UP_S), ())
            before_us = procfs.run_time_us(server.pids)
            answers = asked(server, case, load, ())["answers_checked"]
            spent_us = procfs.run_time_us(server.pids) - before_us
        took[mode] = max(0.0, spent_us / max(1, answers) - PROBE_US)
        say(f"{mode}: {took[mode]:.1f} µs per request besides its handler")
    own = {
        "request_us": max(0.0, took["shard"] - costs["driver_event_us"]),
        "steal_request_us": max(0.0, took["steal"] - took["shard"]),
    }
    return costs | own, own["request_us"]


def compared(
    case: Case, costs: dict[str, float], request_us: float, cores: tuple[int, int]
) -> dict[str, Any]:
    rate = case.per_second(request_us)
    runs = [measured(case, rate, cores, SEED + number) for number in range(case.runs)]
    question = Asked(
        service=case.service,
        costs=costs,
        connections=case.connections,
        are_per_core=False,
        arrivals="pool",
    )
    (cell,) = predict(
        question, policies=[case.policy], cores=[case.cores], loads=[case.load], seeds=SEEDS
    )
    row: dict[str, Any] = {"case": as_json(case), "offered_per_second": rate, "runs": runs}
    row["requests_per_second"] = pair(
        [one["requests_per_second"] for one in runs], cell.requests_per_second.middle
    )
    refused = [one["latency_refused"] for one in runs if one["latency_us"] is None]
    row["refused"] = refused[0] if refused else None
    usable = [one["latency_us"] for one in runs if one["latency_us"] is not None]
    for metric in METRICS:
        if usable:
            band = cell.latency_us[metric]
            row[metric] = pair([one[metric] for one in usable], band.middle)
            row[metric] |= {"predicted_low": band.low, "predicted_high": band.high}
            if case.is_chance:
                row[metric]["error"] = distance(row[metric]["measured"], band)
    text = "; ".join(f"{name} {in_words(row.get(name))}" for name in METRICS)
    say(f"{case.title}, {case.mode}, {case.load:.0%}: {text}")
    return row


def measured(case: Case, rate: float, cores: tuple[int, int], seed: int) -> dict[str, Any]:
    with server_of(case, cores) as server:
        if case.cores == 1:
            load = Load(
                case.connections, case.seconds, WARM_UP_S, (cores[1],), rate=rate, seed=seed
            )
            report = asked(server, case, load, ())
        else:
            load = Unpinned(case.connections, case.seconds, WARM_UP_S, (), rate=rate, seed=seed)
            report = asked(server, case, load, NICE if os.geteuid() == 0 else ())
    names = ("requests_per_second", "latency_us", "latency_refused", "generator_cpu_share")
    return {name: report.get(name) for name in names}


def server_of(case: Case, cores: tuple[int, int]) -> Server:
    command = [str(TURBO_SHARD), "simulation_app:app", "--app-dir", "bench/apps"]
    command += ["--mode", case.mode, "--shards", str(case.cores), "--port", "0"]
    # One shard has a core and the load the other; two shards have both.
    return Server(
        command,
        cores[: case.cores],
        without_variables=("TURBO_SHARD_", "PYTHON"),
    )


def asked(server: Server, case: Case, load: Load, before: tuple[str, ...]) -> dict[str, Any]:
    program = (*before, str(TURBO_LOAD))
    return run_load(server.address, [Question(case.path, BODY)], load, program=program)


def pair(found: list[float], predicted: float) -> dict[str, Any]:
    middle = median(found)
    return {
        "measured": middle,
        "measured_low": min(found),
        "measured_high": max(found),
        "predicted": predicted,
        "error": predicted / middle - 1 if middle else None,
    }


def distance(middle: float, band: Band) -> float:
    """How far the nearest prediction is; none if there are predictions on both sides."""
    nearest = min(max(middle, band.low), band.high)
    return nearest / middle - 1


def outlooks() -> list[dict[str, Any]]:
    found = []
    for one in OUTLOOKS:
        arguments = [*one.arguments, "--shards", CORES, "--quiet"]
        chosen = options_from(arguments)
        if not isinstance(chosen, SimulateOptions):
            raise TypeError(f"{arguments} do not simulate")
        say(f"predicting: {one.title}")
        cells = simulate(chosen)
        found.append(
            {
                "title": one.title,
                "command": " ".join(["turbo-shard simulate", *one.arguments]),
                "loads": loads_of(cells),
                "text": prediction_text.markdown_of(cells),
            }
        )
    return found


def in_words(one: dict[str, Any] | None) -> str:
    if one is None:
        return "refused"
    texts = [prediction_text.time_text(one[name]) for name in ("measured", "predicted")]
    return f"{texts[0]} measured, {texts[1]} predicted"


if __name__ == "__main__":
    sys.exit(main())
