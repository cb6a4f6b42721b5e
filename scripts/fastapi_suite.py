"""Runs FastAPI's own tests as they are, then with compiled apps, and compares how each test ended.

    make fastapi-suite

scripts/fastapi_suite.sh has set up what this needs. With --record the counts go into docs/fastapi-proof.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "fastapi-proof.json"
ARMS = ("plain", "compiled")
# Their tests do not look at answers but at how fast a machine is, and run only in the authors' own service.
LEFT_OUT = ("tests/benchmarks", "tests/memory_benchmarks")
# What FastAPI answers with, as far as bytes depend on it.
COMPANIONS = ("fastapi", "starlette", "pydantic", "pydantic_core")
# A test may hang, each is given 20 seconds by FastAPI's settings; the whole takes two minutes.
RUN_TIMEOUT_S = 3600


@dataclass(frozen=True)
class Run:
    """What the plugin wrote down."""

    endings: dict[str, str]
    complaints: dict[str, str]
    requests: int
    by_plans: int

    def counts(self) -> dict[str, int]:
        return dict(Counter(ending.partition(" ")[0] for ending in self.endings.values()))


def run(arm: str, source: Path, tests: list[str]) -> Run:
    report = source.parent / f"{arm}.json"
    report.unlink(missing_ok=True)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
        "PYTHONPATH": str(ROOT / "scripts"),
        "FASTAPI_SUITE_ARM": arm,
        "FASTAPI_SUITE_REPORT": str(report.absolute()),
    }
    ignored = [f"--ignore={folder}" for folder in LEFT_OUT]
    options = ["-q", "-p", "no:cacheprovider", "-p", "fastapi_suite_plugin", "--tb=short", *ignored]
    # FastAPI gives a test 20 seconds; that is for hangs, not for a machine that does something else too.
    options += ["--timeout=120"]
    log = report.with_suffix(".log")
    with log.open("w") as output:
        subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=source,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
    if not report.exists():
        raise SystemExit(f"fastapi-suite: error: pytest has written no report; see {log}")
    return Run(**json.loads(report.read_text()))


def differences(plain: Run, compiled: Run) -> list[str]:
    """A line for each test that ends in another way, or is in one run only."""
    tests = sorted(plain.endings.keys() | compiled.endings.keys())
    return [
        f"{test}: {plain.endings.get(test, 'not run')} as it is, "
        f"{compiled.endings.get(test, 'not run')} compiled"
        for test in tests
        if plain.endings.get(test) != compiled.endings.get(test)
    ]


def shown(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {ending}" for ending, number in sorted(counts.items()))


def record(plain: Run, compiled: Run) -> None:
    kept = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    kept["suite"] = {
        "python": f"{platform.python_version()}{'' if sys._is_gil_enabled() else 't'}",
        "versions": {name: metadata.version(name) for name in COMPANIONS},
        "endings": plain.counts(),
        "not_passed_either_way": sorted(
            {name.partition("::")[0] for name, how in plain.endings.items() if how != "passed"}
        ),
        "requests": compiled.requests,
        "by_plans": compiled.by_plans,
        "differences": len(differences(plain, compiled)),
    }
    RECORD.write_text(json.dumps(kept, indent=2) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--source", type=Path, required=True, help="FastAPI's sources, unpacked")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.relative_to(ROOT)}")
    parser.add_argument("--quick", action="store_true", help="reuse the last run without plans")
    parser.add_argument("tests", nargs="*", default=["tests"], help="all unless some are named")
    options = parser.parse_args()
    kept = options.source.parent / "plain.json"
    if options.quick and kept.exists():
        plain = Run(**json.loads(kept.read_text()))
    else:
        plain = run("plain", options.source, options.tests)
    print(f"as they are: {shown(plain.counts())}", flush=True)
    compiled = run("compiled", options.source, options.tests)
    print(f"compiled:    {shown(compiled.counts())}")
    print(f"requests:    {compiled.requests}, of which plans answered {compiled.by_plans}")
    found = differences(plain, compiled)
    for line in found:
        test = line.partition(": ")[0]
        print(f"\n{line}\n{compiled.complaints.get(test, '')}")
    print(f"differences: {len(found)}")
    if options.record:
        record(plain, compiled)
    if not compiled.by_plans:
        print("fastapi-suite: error: no request was answered by a plan, so nothing is proved")
    return 0 if not found and compiled.by_plans else 1


if __name__ == "__main__":
    sys.exit(main())
