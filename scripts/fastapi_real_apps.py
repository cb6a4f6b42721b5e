"""Serves the apps of open-source FastAPI projects as they are and compiled, and compares the answers to the byte.

    make fastapi-real-apps

For each project two processes make its app and send it the same requests, made from its OpenAPI document: one to the
app as it is, one to its compiled form. scripts/fastapi_real_apps.sh has set up what this needs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import asgi_exchange
import counted_plans
import proof_record
from openapi_requests import Request, requests_for
from real_app_projects import PROJECTS, Project

ARMS = ("plain", "compiled")
ARM_TIMEOUT_S = 1800
SHOWN_DIFFERENCES = 40
# What no two runs have in common: the time of day, in its usual forms. All else is made the same.
TIMES = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"
    r"|\b1[789]\d{8}(\.\d+)?\b|\b\d+\.\d+ ?(ms|seconds)\b|at 0x[0-9a-f]+"
)


def make_repeatable(seed: int) -> None:
    """Chance and new ids are the same in both processes, as long as both ask for as many, and time stands still."""
    random.seed(seed)
    own = random.Random(seed)
    time.time = lambda: 1_800_000_000.0
    uuid.uuid4 = lambda: uuid.UUID(int=own.getrandbits(128), version=4)


async def answers_of(project: Project, arm: str, seed: int) -> dict[str, Any]:
    """Every request with its answer, and what there was to compile."""
    make_repeatable(seed)
    app = served = project.make()
    routes: list[Any] = []
    answers = []
    async with asgi_exchange.lifespan(app) as state:
        document = app.openapi()
        reason = ""
        if arm == "compiled":
            from turbo_shard.compile.fastapi import compiled_app, report, why_not

            counted_plans.start_counting()
            served = compiled_app(app)
            reason, routes = why_not(app), report(app)
        make_repeatable(seed)
        for request in requests_for(document, seed):
            if project.is_called(request.path):
                answer = await asgi_exchange.exchange(served, request, state)
                answers.append({"request": shown_request(request), **answer})
    return {
        "answers": answers,
        "routes": len(routes),
        "compiled": sum(not route.reason for route in routes),
        "why_not": reason,
        "reasons": sorted({route.reason for route in routes if route.reason}),
        "by_plans": counted_plans.count,
    }


def shown_request(request: Request) -> str:
    return request.shown() + str(asdict(request)["is_split"])


@dataclass(frozen=True)
class Outcome:
    """What came of one project."""

    name: str
    plain: dict[str, Any]
    compiled: dict[str, Any]

    def differences(self) -> list[str]:
        pairs = zip(self.plain["answers"], self.compiled["answers"], strict=True)
        return [
            f"{a['request']}\n  {difference(a, b)}"
            for a, b in pairs
            if comparable(a) != comparable(b)
        ]

    def record(self) -> dict[str, Any]:
        statuses = [answer["status"] for answer in self.plain["answers"]]
        return {
            "version": metadata.version(self.name),
            "routes": self.compiled["routes"],
            "compiled": self.compiled["compiled"],
            "reasons": self.compiled["reasons"],
            "requests": len(statuses),
            "statuses": {
                str(each): statuses.count(each) for each in sorted(set(statuses), key=str)
            },
            "by_plans": self.compiled["by_plans"],
            "differences": len(self.differences()),
        }


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        **answer,
        "headers": [
            [n, TIMES.sub("(time)", v)] for n, v in answer["headers"] if n.lower() != "date"
        ],
        "body": TIMES.sub("(time)", answer["body"]),
        "error": answer["error"] and TIMES.sub("(time)", answer["error"]),
    }


def difference(plain: dict[str, Any], compiled: dict[str, Any]) -> str:
    first, second = comparable(plain), comparable(compiled)
    return "\n  ".join(
        f"{key}: {str(first[key])[:600]!r} as it is, {str(second[key])[:600]!r} compiled"
        for key in first
        if first[key] != second[key]
    )


def run(name: str, arm: str, seed: int, home: Path) -> dict[str, Any]:
    """One arm of one project, in a process and a folder of its own."""
    report = home / f"{name}-{arm}.json"
    report.unlink(missing_ok=True)
    log = home / f"{name}-{arm}.log"
    with tempfile.TemporaryDirectory() as folder, log.open("w") as output:
        # Strings hash alike in both, for sets that an app writes into its answers.
        environment = {**os.environ, "HOME": folder, "PYTHONHASHSEED": "0"}
        arguments = ["--child", str(report.absolute()), "--arm", arm, "--seed", str(seed), name]
        subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), *arguments],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=ARM_TIMEOUT_S,
            check=False,
        )
    if not report.exists():
        raise SystemExit(
            f"fastapi-real-apps: error: the {arm} {name} has not come to its end; see {log}"
        )
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def tell(outcome: Outcome) -> None:
    told = outcome.record()
    differences = outcome.differences()
    print(f"{outcome.name} {told['version']}: {PROJECTS[outcome.name].about}")
    print(
        f"  routes: {told['routes']}, of which compiled: {told['compiled']} {outcome.compiled['why_not']}"
    )
    for reason in told["reasons"]:
        print(f"    not: {reason}")
    print(
        f"  requests: {told['requests']}, of which plans answered {told['by_plans']}; {told['statuses']}"
    )
    print(f"  differences: {len(differences)}", flush=True)
    for line in differences[:SHOWN_DIFFERENCES]:
        print(f"\n{line}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--record", action="store_true", help="write docs/fastapi-proof.json")
    parser.add_argument("--home", type=Path, help="where reports and logs are written")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument(
        "projects", nargs="*", default=list(PROJECTS), help="all unless some are named"
    )
    options = parser.parse_args()
    if options.child is not None:
        found = asyncio.run(answers_of(PROJECTS[options.projects[0]], options.arm, options.seed))
        options.child.write_text(json.dumps(found))
        return 0
    outcomes = []
    for name in options.projects:
        outcome = Outcome(name, *(run(name, arm, options.seed, options.home) for arm in ARMS))
        tell(outcome)
        outcomes.append(outcome)
    if options.record:
        proof_record.keep("real_apps", {outcome.name: outcome.record() for outcome in outcomes})
    is_proof = all(outcome.compiled["by_plans"] for outcome in outcomes)
    return 0 if is_proof and not any(outcome.differences() for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
