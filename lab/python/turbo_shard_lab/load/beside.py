"""A second load beside the measured one: other clients of the same server. Its answers are checked as well; its
latencies are reported apart and never mixed into those of the first."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .generator import (
    GRACE_S,
    BrokenRun,
    Load,
    Question,
    asked,
    raise_for_status,
    report_of,
    running,
)

# It starts before the measured load's process does, and must last longer.
MARGIN_S = 0.6
# In front of its routes' paths, wherever routes are listed.
MARK = "beside: "


@dataclass(frozen=True)
class Beside:
    """Its length follows from the load that it runs beside."""

    questions: tuple[Question, ...]
    load: Load

    def lasting(self, measured: Load) -> Beside:
        seconds = measured.warm_up_seconds + measured.seconds + MARGIN_S
        load = replace(self.load, seconds=seconds, warm_up_seconds=0.0, seed=measured.seed)
        return replace(self, load=load)


class SecondLoad:
    """A generator that is at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def report(self) -> dict[str, Any]:
        """Waits for its end. Raises unless every answer was right and it lasted until now."""
        early = self.process.poll() is not None
        try:
            output, message = self.process.communicate(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            raise BrokenRun("the load beside the measured one did not end") from None
        raise_for_status(self.process.returncode, message)
        if early:
            raise BrokenRun("the load beside the measured one ended before it")
        return report_of(output)


@contextmanager
def started(
    address: str, beside: Beside, *, program: Sequence[str], directory: Path | None
) -> Iterator[SecondLoad]:
    with asked(beside.questions) as options:
        command = [*program, "--target", address, *options, *beside.load.options()]
        with running(command, directory, stdin=subprocess.DEVNULL) as process:
            yield SecondLoad(process)


def joined(report: dict[str, Any], second: dict[str, Any], beside: Beside) -> dict[str, Any]:
    """The measured load's report; the server worked for the answers of both."""
    routes = second.get("by_route") or [
        {
            "path": beside.questions[0].path,
            "requests": second["requests"],
            "latency_us": second["latency_us"],
        }
    ]
    marked = [route | {"path": MARK + route["path"]} for route in routes]
    return report | {
        "answers_checked": report["answers_checked"] + second["answers_checked"],
        "by_route": [*(report.get("by_route") or []), *marked],
        "generator_cpu_share": report["generator_cpu_share"] + second["generator_cpu_share"],
    }
