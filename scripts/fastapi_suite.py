"""Runs FastAPI's own tests as they are, then with compiled apps, and compares how each test ended.

The same for Starlette's tests of BaseHTTPMiddleware, which compiled apps have in another form.

    make fastapi-suite

scripts/fastapi_suite.sh has set up what this needs. With --record the counts go into docs/fastapi-proof.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import proof_record

ROOT = Path(__file__).resolve().parent.parent
STARLETTE_TESTS = "tests/middleware/test_base.py"
# Their tests do not look at answers but at how fast a machine is, and run only in the authors' own service.
LEFT_OUT = ("tests/benchmarks", "tests/memory_benchmarks")
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
    report = source.parent / f"{source.name}-{arm}.json"
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
        f"{compiled.endings.get(test, 'not run')} compiled\n{compiled.complaints.get(test, '')}"
        for test in tests
        if plain.endings.get(test) != compiled.endings.get(test)
    ]


def shown(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {ending}" for ending, number in sorted(counts.items()))


@dataclass(frozen=True)
class Comparison:
    """The tests of one library, run in both ways."""

    name: str
    plain: Run
    other: Run

    @property
    def is_proof(self) -> bool:
        return bool(self.other.by_plans) and not differences(self.plain, self.other)

    def tell(self) -> None:
        found = differences(self.plain, self.other)
        print(f"{self.name}, as it is: {shown(self.plain.counts())}")
        print(f"{self.name}, compiled: {shown(self.other.counts())}")
        print(f"requests: {self.other.requests}, of which compiled: {self.other.by_plans}")
        print(*(f"\n{each}" for each in found), sep="")
        print(f"differences: {len(found)}", flush=True)

    def record(self) -> dict[str, object]:
        endings = self.plain.endings
        return {
            "endings": self.plain.counts(),
            "files_with_others_than_passed": sorted(
                {name.partition("::")[0] for name, ending in endings.items() if ending != "passed"}
            ),
            "requests": self.other.requests,
            "compiled": self.other.by_plans,
            "differences": len(differences(self.plain, self.other)),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--home", type=Path, required=True, help="where the sources are unpacked")
    parser.add_argument("--record", action="store_true", help="write docs/fastapi-proof.json")
    parser.add_argument("tests", nargs="*", help="of FastAPI's; all unless some are named")
    options = parser.parse_args()
    fastapi, starlette = (options.home / name for name in ("fastapi", "starlette"))
    comparisons = []
    for source, other, tests in (
        (starlette, "direct", [STARLETTE_TESTS]),
        (fastapi, "compiled", options.tests or ["tests"]),
    ):
        runs = [run(arm, source, tests) for arm in ("plain", other)]
        comparisons.append(Comparison(source.name, *runs))
        comparisons[-1].tell()
    if options.record:
        proof_record.keep("tests", {each.name: each.record() for each in comparisons})
    return 0 if all(each.is_proof for each in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())
