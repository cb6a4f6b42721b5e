"""Plain functions on threads: one hop for those that follow each other, where FastAPI takes one for each.

Each still runs in a copy of the request's context, as anyio would give it: what it sets is not seen by the next.
"""

from __future__ import annotations

from collections.abc import Collection
from contextvars import copy_context
from typing import Any

import anyio.to_thread

from .solving import FunctionCall
from .source import Code, Names

run_on_thread = anyio.to_thread.run_sync


class HopWriter:
    """Writes functions that run on a thread, and the lines that wait for them."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.functions: list[Code] = []

    def write(
        self,
        code: Code,
        calls: list[FunctionCall],
        end: Code | None = None,
        end_reads: Collection[str] = (),
    ) -> str:
        """`calls` on one thread, then `end`, which returns; without it their results go to their variables."""
        name = f"hop{len(self.functions)}"
        targets = [call.target for call in calls]
        reads = sorted(
            (set().union(*(call.reads for call in calls)) | set(end_reads)) - set(targets)
        )
        hop = Code()
        hop.line(f"def {name}({', '.join(reads)}):")
        hop.depth += 1
        if targets:
            hop.line(" = ".join([*targets, "None"]))
        for index, call in enumerate(calls):
            is_last = index == len(calls) - 1 and end is None
            self.write_one(hop, call, is_last=is_last)
        if end is None:
            hop.line(f"return {', '.join(targets)}")
        else:
            hop.add(end)
        self.functions.append(hop)
        run = self.names.of("run_on_thread", run_on_thread)
        waited = f"await {run}({', '.join([name, *reads])})"
        if end is None:
            code.line(f"{', '.join(targets)} = {waited}")
        return waited

    def write_one(self, hop: Code, call: FunctionCall, *, is_last: bool) -> None:
        text = call.text if is_last else self.in_own_context(call)
        if call.condition:
            with hop.block(f"if {call.condition}"):
                hop.line(f"{call.target} = {text}")
        else:
            hop.line(f"{call.target} = {text}")

    def in_own_context(self, call: FunctionCall) -> str:
        copy = self.names.of("copy_context", copy_context)
        given = "".join(f", {name}={value}" for name, value in call.keywords.items())
        return f"{copy}().run({call.function}{given})"


def grouped(steps: list[Any]) -> list[Any]:
    """The steps, with calls of functions that follow each other as one list."""
    found: list[Any] = []
    for step in steps:
        if not isinstance(step, FunctionCall):
            found.append(step)
        elif found and isinstance(found[-1], list):
            found[-1].append(step)
        else:
            found.append([step])
    return found
