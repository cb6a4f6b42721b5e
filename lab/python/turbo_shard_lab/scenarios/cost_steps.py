"""Where the time of a raw ASGI request goes: arms that differ in one step each, and their differences.

A step that cannot be taken out alone is measured by repeating it. The measure is CPU time of the server process per
answer, as the scheduler counts it: it does not depend on how busy the generator is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ..load.generator import Question
from .arms import FIXED_BODY, USER, Arm, fixed_arm
from .commands import OWN_APPS, turbo_shard
from .rounds import ArmRuns, Run

FIXED = Question("/users/1234", FIXED_BODY)
# What a browser or a client library sends besides Host.
TEN_HEADERS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: application/json, text/plain, */*",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: http://127.0.0.1/index.html",
    "Cookie: session=0123456789abcdef0123456789abcdef",
    "Authorization: Bearer 0123456789abcdef0123456789abcdef",
    "Cache-Control: no-cache",
    "X-Request-Id: 7d444840-9dc0-11d1-b245-5ffdce74fad2",
    "X-Forwarded-For: 192.0.2.1",
)
WITH_HEADERS = Question(FIXED.path, FIXED.body, headers=TEN_HEADERS)


@dataclass(frozen=True)
class Step:
    """A sum of arms, each with its factor."""

    label: str
    how: str
    weights: Mapping[str, float]


@dataclass
class Cost:
    """The measured cost of a step, round by round, in µs of CPU time."""

    step: Step
    values: list[float] = field(default_factory=list)
    in_kernel: list[float] = field(default_factory=list)
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "label": self.step.label,
            "how": self.step.how,
            "us": median(self.values) if self.values else None,
            "kernel_us": median(self.in_kernel) if self.in_kernel else None,
            "min": min(self.values, default=None),
            "max": max(self.values, default=None),
            "values": self.values,
            "error": self.error,
        }


def cost_arms(engine: str) -> list[Arm]:
    """In the order of a round: arms that are subtracted are side by side."""

    def native(route: str) -> Arm:
        command = turbo_shard("native_steps:app", engine, 1, app_dir=OWN_APPS)
        label = f"native handler: a {route}"
        return Arm(route, label, command, Question(f"/{route}", FIXED_BODY), engine=engine)

    def asgi(key: str, label: str, question: Question = FIXED, app: str = "") -> Arm:
        name = f"asgi_steps:{app or key}"
        command = turbo_shard(name, engine, 1, "--interface", "asgi", app_dir=OWN_APPS)
        return Arm(key, f"ASGI: {label}", command, question, engine=engine)

    fixed = fixed_arm(engine)
    record = turbo_shard("asgi_app:app", engine, 1, "--interface", "asgi")
    return [
        Arm("fixed", "fixed answer from Rust", fixed.command, FIXED, engine=engine),
        Arm(
            "fixed_headers",
            "fixed answer from Rust, ten headers more",
            fixed.command,
            WITH_HEADERS,
            engine=engine,
        ),
        native("function"),
        native("coroutine"),
        asgi("minimal", "start and body, nothing else"),
        asgi("minimal_headers", "the same, ten headers more", WITH_HEADERS, "minimal"),
        asgi("receiving", "receives first"),
        asgi("suspended", "asyncio.sleep(0) first"),
        asgi("one_send_more", "one empty body in between"),
        asgi("five_sends_more", "five empty bodies in between"),
        Arm("record", "ASGI: finds the route, makes JSON", record, USER, engine=engine),
    ]


SENDS = {"five_sends_more": 0.5, "one_send_more": -0.5}

# They sum up to the last one.
STEPS = (
    Step(
        "receive, parse, frame and write the answer",
        "fixed answer from Rust",
        {"fixed": 1},
    ),
    Step(
        "attach, call a Python function, read its result",
        "native function − fixed answer",
        {"function": 1, "fixed": -1},
    ),
    Step(
        "task: run a coroutine on the shard's loop",
        "native coroutine − native function",
        {"coroutine": 1, "function": -1},
    ),
    Step(
        "two sends",
        "half of (five sends more − one send more)",
        SENDS,
    ),
    Step(
        "scope, and what else ASGI needs",
        "ASGI minimal − native coroutine − two sends",
        {"minimal": 1, "coroutine": -1, "five_sends_more": -0.5, "one_send_more": 0.5},
    ),
    Step(
        "handler: find the route, make a dict, make JSON",
        "ASGI record − ASGI minimal",
        {"record": 1, "minimal": -1},
    ),
    Step("the whole request", "ASGI record", {"record": 1}),
)

# Not in that sum: what else a request may have.
EXTRAS = (
    Step("await receive()", "receives first − minimal", {"receiving": 1, "minimal": -1}),
    Step(
        "one suspension: a pass of the loop",
        "asyncio.sleep(0) first − minimal",
        {"suspended": 1, "minimal": -1},
    ),
    Step(
        "ten headers more: receive and parse",
        "fixed answer with them − without",
        {"fixed_headers": 1, "fixed": -1},
    ),
    Step(
        "ten headers more: scope",
        "ASGI minimal with them − without, less the line above",
        {"minimal_headers": 1, "minimal": -1, "fixed_headers": -1, "fixed": 1},
    ),
)


def cost_of(step: Step, results: Sequence[ArmRuns]) -> Cost:
    """Taken within each round in which all of the step's arms ran."""
    cost = Cost(step)
    arms = {result.arm.key: result for result in results}
    used = {key: arms[key] for key in step.weights}
    cost.error = next((f"{arm.arm.label}: {arm.error}" for arm in used.values() if arm.error), None)
    rounds = set.intersection(*({run.round for run in arm.runs} for arm in used.values()))
    for number in sorted(rounds):
        runs = {key: run for key, arm in used.items() if (run := arm.run_in(number))}
        cost.values.append(weighted(step, {key: run.server_us for key, run in runs.items()}))
        cost.in_kernel.append(weighted(step, {key: kernel_us(run) for key, run in runs.items()}))
    return cost


def kernel_us(run: Run) -> float:
    return run.server_system_us


def weighted(step: Step, values: Mapping[str, float]) -> float:
    return sum(weight * values[key] for key, weight in step.weights.items())
