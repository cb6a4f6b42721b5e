"""Runs the tests of every framework on the Python of .venv and writes the outcome into docs/compatibility.md.

    make compatibility

Results are kept in docs/compatibility.json, one per framework and Python: those of this Python are replaced, those that
the same command found on another Python stay. The table of the page is made from that file alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "compatibility.json"
PAGE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- compatibility:begin -->", "<!-- compatibility:end -->"

ARMS = ("shard-tokio", "shard-glommio", "shard-uring", "steal-tokio", "process-tokio")
COLUMNS = ("framework", "Python", *(f"`{arm}`" for arm in ARMS), "with")


@dataclass(frozen=True)
class Framework:
    """The tests behind one line of the table."""

    name: str
    package: str
    # Files below tests/, without their suffix.
    tests: tuple[str, ...]
    # Tests whose parameters have this word are its own; a file may try several interfaces.
    parameter: str = ""
    companions: tuple[str, ...] = ()

    def has(self, file: str, parameters: list[str]) -> bool:
        return file in self.tests and (not self.parameter or self.parameter in parameters)


FRAMEWORKS = (
    Framework(
        "FastAPI",
        "fastapi",
        ("frameworks/test_fastapi_http", "frameworks/test_fastapi_streams"),
        companions=("pydantic", "pydantic_core", "starlette"),
    ),
    Framework("Starlette", "starlette", ("frameworks/test_starlette",), companions=("anyio",)),
    Framework("Django, ASGI", "Django", ("frameworks/test_django",), "asgi", ("asgiref",)),
    Framework("Django, WSGI", "Django", ("frameworks/test_django",), "wsgi", ("asgiref",)),
    Framework("Litestar", "litestar", ("frameworks/test_litestar",), companions=("msgspec",)),
    Framework("Flask", "Flask", ("frameworks/test_flask",), companions=("Werkzeug",)),
    Framework("TurboAPI", "turboapi", ("turboapi/test_turboapi_real",), companions=("satya",)),
)


@dataclass
class Result:
    """One line of the table."""

    framework: str
    version: str
    # Without the patch level: a new run of the command replaces the same version.
    build: str
    python: str
    # For each arm, tests passed and tests run; an arm that does not work on the machine is missing.
    arms: dict[str, tuple[int, int]]
    companions: dict[str, str]

    @property
    def passed(self) -> bool:
        return bool(self.arms) and all(passed == run for passed, run in self.arms.values())

    def cells(self) -> list[str]:
        companions = [f"{name} {version}" for name, version in self.companions.items()]
        name, comma, interface = self.framework.partition(",")
        cells = [f"{name} {self.version}{comma}{interface}", self.python]
        cells += [self.arm_cell(arm) for arm in ARMS]
        return [*cells, ", ".join(companions)]

    def arm_cell(self, arm: str) -> str:
        if arm not in self.arms:
            return "not run"
        passed, run = self.arms[arm]
        return f"all {run} pass" if passed == run else f"**{passed} of {run} pass**"


def build_name() -> str:
    """3.13t, say."""
    major, minor, _patch = platform.python_version_tuple()
    return f"{major}.{minor}" + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")


def python_name() -> str:
    kind = "free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else "with GIL"
    return f"CPython {platform.python_version()} {kind}"


def run_tests(pytest_arguments: list[str]) -> list[ElementTree.Element]:
    """The test cases that pytest has written down."""
    files = sorted({f"tests/{name}.py" for framework in FRAMEWORKS for name in framework.tests})
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *files, f"--junitxml={report}"]
        environment = {k: v for k, v in os.environ.items() if k != "REFERENCE_SERVER"}
        subprocess.run([*command, *pytest_arguments], cwd=ROOT, env=environment, check=False)
        if not report.exists():
            raise SystemExit("compatibility: error: pytest has written no report; see above")
        return list(ElementTree.parse(report).iter("testcase"))


def parameters_of(case: ElementTree.Element) -> list[str]:
    """`test_x[shard-tokio-asgi-1]` has the arm's name, then what else it was given."""
    _, _, inner = case.get("name", "").partition("[")
    inner = inner.removesuffix("]")
    for arm in ARMS:
        if re.search(rf"(^|-){arm}(-|$)", inner):
            return [arm, *inner.replace(arm, "").strip("-").split("-")]
    return []


def is_installed(framework: Framework) -> bool:
    """TurboAPI's release for 3.13t does not exist for 3.14t."""
    try:
        metadata.version(framework.package)
    except metadata.PackageNotFoundError:
        return False
    return True


def results_of(cases: list[ElementTree.Element]) -> list[Result]:
    results = []
    for framework in filter(is_installed, FRAMEWORKS):
        arms: dict[str, tuple[int, int]] = {}
        for case in cases:
            file = case.get("classname", "").removeprefix("tests.").replace(".", "/")
            parameters = parameters_of(case)
            is_skipped = case.find("skipped") is not None
            if is_skipped or not parameters or not framework.has(file, parameters):
                continue
            has_failed = case.find("failure") is not None or case.find("error") is not None
            passed, run = arms.get(parameters[0], (0, 0))
            arms[parameters[0]] = (passed + (not has_failed), run + 1)
        companions = {name: metadata.version(name) for name in framework.companions}
        version = metadata.version(framework.package)
        about = (framework.name, version, build_name(), python_name())
        results.append(Result(*about, arms, companions))
    return results


def kept_results() -> list[Result]:
    if not RESULTS.exists():
        return []
    return [
        Result(**{**kept, "arms": {arm: tuple(counts) for arm, counts in kept["arms"].items()}})
        for kept in json.loads(RESULTS.read_text())
    ]


def merged(kept: list[Result], new: list[Result]) -> list[Result]:
    """Sorted as the frameworks are above, then by Python."""
    order = {framework.name: place for place, framework in enumerate(FRAMEWORKS)}
    replaced = {(result.framework, result.build) for result in new}
    stay = [r for r in kept if (r.framework, r.build) not in replaced and r.framework in order]
    return sorted(stay + new, key=lambda result: (order[result.framework], result.build))


def table(results: list[Result]) -> str:
    rows = [list(COLUMNS), ["---"] * len(COLUMNS), *(result.cells() for result in results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def page_with(text: str, shown: str) -> str:
    """The page with this table between its markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"compatibility: error: {PAGE.name} has lost its markers")
    return f"{before}{BEGIN}\n\n{shown}\n\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--print", action="store_true", help="print the table of the kept results; run nothing"
    )
    parser.add_argument("pytest_arguments", nargs="*", help="given to pytest, after --")
    options = parser.parse_args()
    if options.print:
        print(table(kept_results()))
        return 0
    found = results_of(run_tests(options.pytest_arguments))
    results = merged(kept_results(), found)
    RESULTS.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")
    PAGE.write_text(page_with(PAGE.read_text(), table(results)))
    print(table(found))
    return 0 if all(result.passed for result in found) else 1


if __name__ == "__main__":
    sys.exit(main())
