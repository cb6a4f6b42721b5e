"""What a route does before its endpoint, as a list of steps in FastAPI's order: parameters to read, functions to call.

Where validation runs no code of the app, nobody can tell when it happens: then all reading comes first, and
functions that follow each other share one hop to a thread. Knows neither the body's bytes nor the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastapi.dependencies.models import Dependant, _get_oauth_scopes
from fastapi.dependencies.utils import _solve_generator
from fastapi.security import SecurityScopes
from starlette.concurrency import run_in_threadpool

from .bodies import write_body_parameters
from .dependencies import Need, has_parameters
from .parameters import ParameterWriter
from .source import Code, Names


@dataclass(kw_only=True)
class FunctionCall:
    """A plain function, to be called on a thread: `target = function(keywords)`, if `condition` holds."""

    target: str
    function: str
    keywords: dict[str, str]
    condition: str = ""

    @property
    def text(self) -> str:
        return f"{self.function}({in_call(self.keywords)})"

    @property
    def reads(self) -> set[str]:
        """The variables that a thread needs for it."""
        condition = {self.condition} if self.condition else set()
        return condition | {value for value in self.keywords.values() if value.isidentifier()}


@dataclass
class Known:
    """A dependency's result that may be used again: there is one if `condition` holds (always if that is empty)."""

    variable: str
    condition: str


@dataclass
class Steps:
    """Code is written as it stands; calls of functions wait to be grouped."""

    checks: list[Code] = field(default_factory=list)
    calls: list[Code | FunctionCall] = field(default_factory=list)


class Solver:
    """Finds the steps of one route."""

    def __init__(self, writer: ParameterWriter, *, reads_first: bool, embed: bool) -> None:
        self.writer = writer
        self.names: Names = writer.names
        self.reads_first = reads_first
        self.embed = embed
        self.steps = Steps()
        self.known: dict[Any, Known] = {}
        # Whether FastAPI could go on from the results so far, without calling anything twice.
        self.can_be_continued = True
        self.count = 0

    def solve(self, need: Need) -> dict[str, str]:
        """All that comes before the call of `need`; returns its keywords: name -> expression."""
        values: dict[str, str] = {}
        for sub in need.needs:
            variable = self.solve_dependency(sub)
            if sub.dependant.name is not None:
                values[sub.dependant.name] = variable
        dependant = need.dependant
        if has_parameters(need):
            code = self.writer.code = Code()
            values.update(self.writer.write(dependant))
            values.update(write_body_parameters(self.writer, dependant, self.embed))
            self.check(code)
        values.update(self.given(dependant))
        return values

    def solve_dependency(self, need: Need) -> str:
        """Returns the variable with its result."""
        known = self.known.get(need.key) if need.dependant.use_cache else None
        if known is not None and self.is_settled(need):
            self.tell_again(need, known)
            return known.variable
        condition = self.mark(need)
        keywords = self.solve(need)
        if condition:
            self.check(line(f"{condition} = len(errors) == {condition}_before"))
        target = self.writer.variable()
        if known is None:
            self.call(need, target, keywords, condition)
        else:
            self.call_unless_known(need, target, keywords, condition, known)
        self.known.setdefault(need.key, Known(target, condition))
        self.can_be_continued &= need.dependant.use_cache
        return target

    def is_settled(self, need: Need) -> bool:
        """Whether all below is known, and no code of the app runs when it is read again."""
        return self.reads_first and all(
            below.dependant.use_cache and below.key in self.known for below in need.all()
        )

    def tell_again(self, need: Need, known: Known) -> None:
        """FastAPI reads the parameters of a known dependency again; what did not fit is told twice."""
        if not known.condition:
            return
        steps, self.steps = self.steps, Steps()
        self.solve(need)
        again = Code()
        with again.block(f"if not {known.condition}"):
            for code in self.steps.checks:
                again.add(code)
        self.steps = steps
        self.check(again)

    def mark(self, need: Need) -> str:
        """The variable that will say whether all parameters of `need` fitted; empty where they always do."""
        if not need.can_fail:
            return ""
        self.count += 1
        condition = f"fits{self.count}"
        self.check(line(f"{condition}_before = len(errors)"))
        return condition

    def call(self, need: Need, target: str, keywords: dict[str, str], condition: str) -> None:
        dependant = need.dependant
        function = self.names.of("dependency", dependant.call)
        if need.kind == "function" and dependant.concurrency is None:
            self.steps.calls.append(
                FunctionCall(
                    target=target, function=function, keywords=keywords, condition=condition
                )
            )
            return
        code = Code()
        code.is_call = True
        if condition:
            with code.block(f"if {condition}"):
                self.write_call(code, need, target, keywords)
        else:
            self.write_call(code, need, target, keywords)
        self.steps.calls.append(code)

    def call_unless_known(
        self, need: Need, target: str, keywords: dict[str, str], condition: str, known: Known
    ) -> None:
        code = Code()
        code.is_call = True
        code.line(f"{target} = None")
        if not known.condition:
            code.line(f"{target} = {known.variable}")
            self.steps.calls.append(code)
            return
        with code.block(f"if {known.condition}"):
            code.line(f"{target} = {known.variable}")
        with code.block(f"elif {condition or 'True'}"):
            self.write_call(code, need, target, keywords)
        self.steps.calls.append(code)

    def write_call(self, code: Code, need: Need, target: str, keywords: dict[str, str]) -> None:
        dependant = need.dependant
        function = self.names.of("dependency", dependant.call)
        given = in_call(keywords)
        if need.kind == "generator":
            solve = self.names.of("solve_generator", _solve_generator)
            stack = "function_stack" if dependant.scope == "function" else "request_stack"
            values = ", ".join(f"{name!r}: {value}" for name, value in keywords.items())
            code.line(
                f"{target} = await {solve}(dependant={self.names.of('dependant', dependant)}, stack={stack}, "
                f"sub_values={{{values}}}, request=request)"
            )
            return
        if need.kind == "coroutine":
            text = f"{target} = await {function}({given})"
        else:
            run = self.names.of("run_in_threadpool", run_in_threadpool)
            text = f"{target} = await {run}({', '.join([function, *given_in(keywords)])})"
        if dependant.concurrency is None:
            code.line(text)
        else:
            with code.block(
                f"async with {self.names.of('concurrency', dependant.concurrency)}.get_semaphore()"
            ):
                code.line(text)

    def given(self, dependant: Dependant) -> dict[str, str]:
        """What FastAPI gives to those who ask by type."""
        values: dict[str, str] = {}
        for name in (dependant.http_connection_param_name, dependant.request_param_name):
            if name:
                values[name] = "request"
        if dependant.background_tasks_param_name:
            values[dependant.background_tasks_param_name] = "background"
        if dependant.response_param_name:
            values[dependant.response_param_name] = "injected"
        if dependant.security_scopes_param_name:
            scopes = _get_oauth_scopes(dependant=dependant)
            made = self.names.of("SecurityScopes", SecurityScopes)
            given = f"[*{self.names.of('scopes', scopes)}]"
            values[dependant.security_scopes_param_name] = f"{made}(scopes={given})"
        return values

    def check(self, code: Code) -> None:
        (self.steps.checks if self.reads_first else self.steps.calls).append(code)


def line(text: str) -> Code:
    code = Code()
    code.line(text)
    return code


def given_in(keywords: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in keywords.items()]


def in_call(keywords: dict[str, str]) -> str:
    return ", ".join(given_in(keywords))
