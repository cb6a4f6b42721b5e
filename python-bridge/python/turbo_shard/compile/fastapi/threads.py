"""Plain functions on threads: one hop for those that follow each other, where FastAPI takes one for each.

Each still runs in a copy of the request's context, as anyio would give it: what it sets is not seen by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextvars import copy_context
from typing import Any

import anyio.to_thread
from anyio import from_thread

from .overridden import MISSING
from .solving import FunctionCall
from .source import Code, Names

run_on_thread = anyio.to_thread.run_sync


class Turn:
    """One hop of several functions, and the request that waits for it: once that is cancelled, no other one begins."""

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over = False

    def goes_on(self) -> bool:
        """Whether the next function is to be called. On the thread; raises what anyio raises for a cancelled scope."""
        if not self.is_over:
            from_thread.check_cancelled()
        return not self.is_over


async def take_turns(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run `function(turn, *arguments)` on a thread."""
    turn = Turn()
    try:
        return await run_on_thread(function, turn, *arguments)
    except BaseException:
        turn.is_over = True
        raise


# Returned in place of an endpoint's result: a later function has not been called.
STOPPED: Any = object()


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
        *,
        stop: str = "",
    ) -> str:
        """`calls` on one thread, then `end`, which returns; without it their results go to their variables.

        If `stop` is true before one of the later calls, it is not made: then the results so far are returned, behind
        `STOPPED` where there is an end.
        """
        name = f"hop{len(self.functions)}"
        targets = [call.target for call in calls]
        reads = set().union(*(call.reads for call in calls)) | set(end_reads)
        given = sorted(reads - set(targets))
        has_turns = len(calls) + (end is not None) > 1
        hop = Code()
        hop.line(f"def {name}({', '.join(['turn', *given] if has_turns else given)}):")
        hop.depth += 1
        if targets:
            hop.line(" = ".join([*targets, self.names.of("MISSING", MISSING)]))
        results = ", ".join(targets)
        nothing = results if end is None else "None, None, False"
        so_far = (
            results if end is None else f"{self.names.of('STOPPED', STOPPED)}, ({results}), False"
        )
        for index, call in enumerate(calls):
            if index:
                self.write_turn(hop, nothing)
                if stop:
                    with hop.block(f"if {stop}"):
                        hop.line(f"return {so_far}")
            self.write_one(hop, call, is_last=index == len(calls) - 1 and end is None)
        if end is None:
            hop.line(f"return {results}")
        else:
            if calls:
                self.write_turn(hop, nothing)
            hop.add(end)
        self.functions.append(hop)
        run = take_turns if has_turns else run_on_thread
        waited = f"await {self.names.of('on_thread', run)}({', '.join([name, *given])})"
        if end is None:
            code.line(f"{results} = {waited}")
        return waited

    def write_turn(self, hop: Code, nothing: str) -> None:
        """FastAPI would not call the next function for a request that has been cancelled meanwhile."""
        with hop.block("if not turn.goes_on()"):
            hop.line(f"return {nothing}")

    def write_one(self, hop: Code, call: FunctionCall, *, is_last: bool) -> None:
        text = call.text if is_last else self.in_own_context(call)
        if call.condition:
            with hop.block(f"if {call.condition}"):
                hop.line(f"{call.target} = {text}")
        else:
            hop.line(f"{call.target} = {text}")

    def in_own_context(self, call: FunctionCall) -> str:
        return self.in_copy(call.function, call.keywords)

    def in_copy(self, function: str, keywords: dict[str, str]) -> str:
        """A call in a copy of the request's context."""
        copy = self.names.of("copy_context", copy_context)
        given = "".join(f", {name}={value}" for name, value in keywords.items())
        return f"{copy}().run({function}{given})"


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
