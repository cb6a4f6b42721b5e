"""What the benchmark scripts have in common: how they prepare the machine, end, and keep their results."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..load.generator import BrokenRun, WrongAnswer
from . import machine, peers
from .places import ROOT, TURBO_LOAD, TURBO_SHARD, command_line
from .report import write_between_markers

# Above this, the figures come with a warning.
BUSY_CORES_MAX = 0.1

Results = dict[str, Any]


@dataclass
class Surroundings:
    """Where a benchmark runs, and when it began."""

    cores: list[int]
    server_core: int
    load_core: int
    about: dict[str, Any]
    warnings: list[str]
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)

    def as_json(self) -> Results:
        return {
            "started": self.started.isoformat(timespec="seconds"),
            "took_seconds": time.monotonic() - self.clock,
            "machine": self.about,
        }


def prepare(programs: Iterable[Path], make: str, with_peers: bool) -> Surroundings:
    """From here on this process stays off the server's core."""
    started, clock = datetime.now(UTC), time.monotonic()
    for program in (TURBO_LOAD, TURBO_SHARD, *programs):
        if not (ROOT / program).exists():
            raise SystemExit(f"bench: {program} is missing; make {make} builds it")
    server_core, load_core = machine.choose_cores()
    cores = sorted(os.sched_getaffinity(0))
    # Ten thousand connections, for every process started from here.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    warnings = install_peers() if with_peers else []
    about = machine.describe()
    if (busy := machine.busy_share(0.5)) > BUSY_CORES_MAX:
        warnings.append(f"the machine was not quiet: {busy:.1f} cores were busy before the start")
    os.sched_setaffinity(0, [load_core])
    return Surroundings(cores, server_core, load_core, about, warnings, started, clock)


def install_peers() -> list[str]:
    """Makes the peers' environments if need be; a failure becomes a warning, and its arms report it themselves."""
    errors = {kind: peers.run_installer(kind) for kind in peers.KINDS}
    return [f"the {kind} peers {error}" for kind, error in errors.items() if error]


def run(
    folder: Path,
    measure: Callable[[], Results],
    document: Callable[[Results], str],
    show: Callable[[Results], str],
) -> int:
    """Measures, keeps and shows the results, and returns the exit status."""
    # Servers end on the way out: after Ctrl-C, even if a shell started us with it ignored, and after a stop.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        results = measure()
    except KeyboardInterrupt:
        return refuse("interrupted", 130)
    except (WrongAnswer, BrokenRun) as error:
        return refuse(f"{type(error).__name__}: {error}", 1)
    keep(folder, results, document)
    print(show(results))
    return 1 if results["broken"] else 0


def keep(folder: Path, results: Results, document: Callable[[Results], str]) -> None:
    """Writes the results and their report; replaces what is there already in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / "results.json", json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    replace(folder / "report.md", report_text(results, document))


def report_text(results: Results, document: Callable[[Results], str]) -> str:
    return f"# {results['settings']['command']}\n\n{document(results)}\n"


def replace(file: Path, content: str) -> None:
    new = file.with_name(f"{file.name}.new")
    new.write_text(content)
    new.replace(file)


def write_report(folder: Path, document: Callable[[Results], str]) -> int:
    """Writes report.md from the last results."""
    source = folder / "results.json"
    if not source.exists():
        return refuse(f"there is no {source.relative_to(ROOT)}; run the benchmark first", 1)
    replace(folder / "report.md", report_text(json.loads(source.read_text()), document))
    return 0


def write_docs(
    folder: Path, part: str, pages: Iterable[tuple[str, Callable[[Results], str]]]
) -> int:
    """Puts the last results between the markers of `part` in each page."""
    source = folder / "results.json"
    if not source.exists():
        return refuse(f"there is no {source.relative_to(ROOT)}; run the benchmark first", 1)
    results = json.loads(source.read_text())
    status = 0
    for name, make in pages:
        if write_between_markers(ROOT / name, part, make(results)):
            say(f"{name} has the figures of {results['started']}")
        else:
            status = refuse(f"{name} does not have the markers of {part}", 1)
    return status


def own_command(script: str) -> str:
    """How this process was started, as a person types it in the checkout."""
    return command_line([script, *sys.argv[1:]])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def refuse(text: str, status: int) -> int:
    print(f"bench: {text}", file=sys.stderr)
    return status
