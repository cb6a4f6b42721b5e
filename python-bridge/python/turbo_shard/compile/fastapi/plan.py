"""Makes the plan of one route: a coroutine function that does for a call what FastAPI would do, and nothing besides.

async def plan(call):            a route that nobody sees from outside: no scope, no Request, no exit stacks
    read, validate, call, answer

async def plan(call):            one that takes the Request, or has dependencies with `yield`
    scope and Request as FastAPI makes them, its three exit stacks around the same
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from fastapi import BackgroundTasks
from fastapi.exceptions import FastAPIError, RequestValidationError
from pydantic_core import PydanticUndefined
from starlette.requests import Request
from starlette.responses import Response

from .answers import AnswerWriter, Invalid, invalid_answer, new_response
from .bodies import write_body
from .dependencies import needs_of, runs_own_code
from .failures import fail, fail_outside, handle
from .handlers import Handler
from .overridden import MISSING, finish_by_fastapi, rest_by_fastapi
from .parameters import ParameterWriter
from .site import FUNCTION_STACK, MIDDLEWARE_STACK, REQUEST_STACK, RouteSite
from .solving import FunctionCall, Solver, given_in, in_call
from .source import Code, Names, build
from .threads import STOPPED, HopWriter, grouped, run_on_thread

Plan = Callable[[Any], Awaitable[None]]

# Where a plan has its route's site.
SITE = "route_site"

# What FastAPI says where a dependency has swallowed an exception.
NOT_AWAITED = (
    "Response not awaited. There's a high chance that the application code is raising an exception and a "
    "dependency with yield has a block with a bare except, or a block with except Exception, and is not raising "
    "the exception again. Read more about it in the docs: "
    "https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/#dependencies-with-yield-and-except"
)


def plan_of(handler: Handler, site: RouteSite) -> Plan:
    """Compile one route. Raises Refused."""
    plan = PlanWriter(handler, site).build()
    vars(plan)[SITE] = site
    return plan


def site_of(plan: Plan) -> RouteSite | None:
    """The route that a plan is for; None for the plan of none."""
    site: RouteSite | None = vars(plan).get(SITE)
    return site


class PlanWriter:
    """Writes one plan."""

    def __init__(self, handler: Handler, site: RouteSite) -> None:
        self.handler = handler
        self.site = site
        self.names = Names()
        self.names.objects["site"] = site
        self.root = needs_of(handler.dependant)
        needs = list(self.root.all())
        self.takes_request = any(need.takes_request for need in needs)
        self.has_response = any(need.dependant.response_param_name for need in needs)
        self.has_background = any(need.dependant.background_tasks_param_name for need in needs)
        self.answers = AnswerWriter(handler, self.names)
        self.is_plain = self.answers.is_plain(self.has_response)
        self.hops = HopWriter(self.names)
        self.is_thread_end = self.root.kind == "function" and self.answers.is_pure

    @property
    def request(self) -> str:
        return "request" if self.takes_request else ""

    @property
    def scope(self) -> str:
        return "scope" if self.takes_request else ""

    @property
    def background(self) -> str:
        return "background" if self.has_background else ""

    def build(self) -> Plan:
        core = Code()
        self.write_core(core)
        plan = self.around_with_request(core) if self.takes_request else self.around(core)
        made: Plan = build([*self.hops.functions, plan], "plan", self.names)
        return made

    def around(self, core: Code) -> Code:
        """The whole function, for a route that is given no Request."""
        code = Code()
        with code.block("async def plan(call)"):
            self.write_guard(code)
            code.line("failure = None")
            has_body = self.handler.body_field is not None
            if has_body:
                undefined = self.names.of("Undefined", PydanticUndefined)
                code.line(f"received, body = None, {undefined}")
            with code.block("try"):
                code.add(core)
                self.write_sending(code)
            body = ", received, body" if has_body else ""
            self.write_failure(code, f"{self.names.of('fail', fail)}(call, site, failure{body})")
        return code

    def around_with_request(self, core: Code) -> Code:
        """The whole function, with all that FastAPI puts around a route."""
        names = self.names
        stack = names.of("AsyncExitStack", AsyncExitStack)
        code = Code()
        with code.block("async def plan(call)"):
            self.write_guard(code)
            code.line("failure = None")
            code.line("scope = site.begin(call)")
            with code.block("try"), code.block(f"async with {stack}() as middleware_stack"):
                code.line(f"scope[{MIDDLEWARE_STACK!r}] = middleware_stack")
                code.line("site.enter(scope, call.params)")
                code.line(
                    f"request = {names.of('Request', Request)}(scope, call.receive, call.send)"
                )
                with code.block("try"):
                    self.write_stacks(code, core, stack)
                with code.block("except Exception as error"):
                    code.line(f"await {names.of('handle', handle)}(call, site, request, error)")
            failing = names.of("fail_outside", fail_outside)
            self.write_failure(code, f"{failing}(call, site, scope, failure)")
        return code

    def write_failure(self, code: Code, failing: str) -> None:
        """What follows an exception, outside of its `except`: what is raised next must not have it as its context."""
        with code.block("except Exception as error"):
            code.line("failure = error")
        with code.block("if failure is not None"):
            with code.block("try"):
                code.line(f"await {failing}")
            with code.block("finally"):
                # The traceback leads here, so this must not lead to it.
                code.line("del failure")

    def write_guard(self, code: Code) -> None:
        """The same as `RouteSite.is_replaced`."""
        owner = self.names.of("owner", self.site.owner)
        own_app = self.names.of("own_app", self.site.own_app)
        attributes = self.names.of("attributes", self.site.attributes)
        with code.block(
            f"if {owner}.app is not {own_app} or 'handle' in {attributes} or 'matches' in {attributes}"
        ):
            code.line("return await site.serve_by_fastapi(call)")

    def write_stacks(self, code: Code, core: Code, stack: str) -> None:
        code.line("answered = False")
        with code.block(f"async with {stack}() as request_stack"):
            code.line(f"scope[{REQUEST_STACK!r}] = request_stack")
            with code.block(f"async with {stack}() as function_stack"):
                code.line(f"scope[{FUNCTION_STACK!r}] = function_stack")
                code.add(core)
            self.write_sending(code)
            code.line("answered = True")
        with code.block("if not answered"):
            code.line(f"raise {self.names.of('FastAPIError', FastAPIError)}({NOT_AWAITED!r})")

    def write_core(self, code: Code) -> None:
        """From the request to `raw`, and to `content` where it is not a Response."""
        handler, names = self.handler, self.names
        body = Code()
        if handler.body_field is not None:
            write_body(body, names, handler.is_strict, self.request)
        path_names = [name for name, _ in self.site.convertors]
        writer = ParameterWriter(Code(), names, path_names)
        solver = Solver(
            writer, reads_first=not runs_own_code(self.root), embed=handler.embed_body_fields
        )
        keywords = solver.solve(self.root)
        steps = grouped([*solver.steps.checks, *solver.steps.calls])
        last: list[FunctionCall] = []
        if self.is_thread_end and steps and isinstance(steps[-1], list):
            last = steps.pop()
        code.line("errors = []")
        self.write_preparations(code, path_names, writer)
        results = [known.variable for known in solver.known.values()]
        if len(results) > 1:
            code.line(" = ".join([*results, names.of("MISSING", MISSING)]))
        code.add(body)
        overridden = ""
        if handler.overrides_provider is not None and solver.can_be_continued:
            provider = names.of("provider", handler.overrides_provider)
            overridden = f"{provider}.dependency_overrides"
        depth = code.depth
        for index, step in enumerate(steps):
            if isinstance(step, list):
                self.hops.write(code, step, stop=overridden)
            else:
                code.add(step)
            is_last = not any(map(is_call, [*steps[index + 1 :], last]))
            has_several = isinstance(step, list) and len(step) > 1
            if overridden and is_call(step) and (has_several or not is_last):
                self.write_overridden(code, solver, f"if {overridden}")
        if self.root.kind == "function":
            self.write_function_endpoint(code, keywords, last, solver, overridden)
        else:
            self.write_refusal(code)
            code.line(
                f"raw = await {names.of('endpoint', handler.dependant.call)}({in_call(keywords)})"
            )
            self.write_content(code)
        self.write_response(code)
        code.depth = depth

    def write_overridden(self, code: Code, solver: Solver, condition: str) -> None:
        """Dependencies may be overridden while those before them are called; the rest is FastAPI's then."""
        names = self.names
        results = ", ".join(
            f"{names.of('key', key)}: {known.variable}" for key, known in solver.known.items()
        )
        body = (
            "body"
            if self.handler.body_field is not None
            else names.of("Undefined", PydanticUndefined)
        )
        given = [
            f"{{{results}}}",
            "injected" if self.has_response else "None",
            self.background or "None",
        ]
        handler = names.of("handler", self.handler)
        with code.block(condition):
            if self.takes_request:
                rest = names.of("rest_by_fastapi", rest_by_fastapi)
                code.line(
                    f"response = await {rest}({', '.join(['site', handler, 'request', body, *given])})"
                )
            else:
                received = "received" if self.handler.body_field is not None else "None"
                finish = names.of("finish_by_fastapi", finish_by_fastapi)
                every = ["call", "site", handler, received, body, *given]
                code.line(f"return await {finish}({', '.join(every)})")
        code.line("else:")
        code.depth += 1

    def write_preparations(
        self, code: Code, path_names: list[str], writer: ParameterWriter
    ) -> None:
        names = self.names
        if path_names and self.uses_path:
            code.line(
                f"{', '.join(f'p{index}' for index in range(len(path_names)))}, = call.params"
            )
            for index, (_, convertor) in enumerate(self.site.convertors):
                if type(convertor).__name__ not in ("StringConvertor", "PathConvertor"):
                    code.line(f"p{index} = {names.of('convert', convertor.convert)}(p{index})")
        if self.hops_possible and writer.count:
            code.line(
                " = ".join([*(f"v{number}" for number in range(1, writer.count + 1)), "None"])
            )
        if self.has_response:
            code.line(f"injected = {names.of('new_response', new_response)}()")
        if self.has_background:
            code.line(f"background = {names.of('BackgroundTasks', BackgroundTasks)}()")

    @property
    def uses_path(self) -> bool:
        return any(need.dependant.path_params for need in self.root.all())

    @property
    def hops_possible(self) -> bool:
        return any(need.kind == "function" for need in self.root.all())

    def write_refusal(self, code: Code) -> None:
        """What does not fit is told once everything has been read and every dependency that fits has been called."""
        if not self.root.can_fail:
            return
        refused = self.names.of("RequestValidationError", RequestValidationError)
        body = "None"
        if self.handler.body_field is not None:
            undefined = self.names.of("Undefined", PydanticUndefined)
            body = f"None if body is {undefined} else body"
        context = "site.context_in(scope)" if self.takes_request else "site.context(call)"
        with code.block("if errors"):
            code.line(f"raise {refused}(errors, body={body}, endpoint_ctx={context})")

    def write_content(self, code: Code) -> None:
        """`content` of what an `async def` endpoint returned, where that is not a Response."""
        code.line(f"is_response = isinstance(raw, {self.names.of('Response', Response)})")
        with code.block("if not is_response"):
            invalid = self.names.of("invalid_answer", invalid_answer)
            self.answers.write_validation(code, f"raise {invalid}(site, call, misfit, raw)")
            self.answers.write_content(code, self.is_plain)

    def write_function_endpoint(
        self,
        code: Code,
        keywords: dict[str, str],
        last: list[FunctionCall],
        solver: Solver,
        overridden: str,
    ) -> None:
        """A `def` endpoint: on a thread, with the functions before it, and with what follows if that is pydantic's
        alone.
        """
        names = self.names
        endpoint = names.of("endpoint", self.handler.dependant.call)
        response = names.of("Response", Response)
        if not self.is_thread_end:
            self.write_refusal(code)
            run = names.of("run_on_thread", run_on_thread)
            made = names.of("partial", partial)
            code.line(f"raw = await {run}({made}({', '.join([endpoint, *given_in(keywords)])}))")
            code.line(f"is_response = isinstance(raw, {response})")
            with code.block("if not is_response"):
                self.write_validation_on_thread(code, run)
                self.answers.write_content(code, self.is_plain)
            return
        end = Code()
        if not last:
            self.write_refusal(code)
        elif self.root.can_fail:
            with end.block("if errors"):
                end.line("return None, None, False")
        if self.answers.adapter is None:
            end.line(f"raw = {endpoint}({in_call(keywords)})")
        else:
            # The response model may read properties of what it returns: these must not see its context.
            end.line(f"raw = {self.hops.in_copy(endpoint, keywords)}")
        with end.block(f"if isinstance(raw, {response})"):
            end.line("return raw, None, True")
        self.answers.write_validation(
            end, f"return {names.of('Invalid', Invalid)}(misfit, raw), None, False"
        )
        end.line(f"return raw, {'value' if self.answers.adapter is not None else None}, False")
        reads = {value for value in keywords.values() if value.isidentifier()}
        if self.root.can_fail and last:
            reads.add("errors")
        waited = self.hops.write(code, last, end, reads, stop=overridden)
        code.line(f"raw, value, is_response = {waited}")
        if overridden and len(last) > 1:
            stopped = f"raw is {names.of('STOPPED', STOPPED)}"
            with code.block(f"if {stopped}"):
                code.line(f"{', '.join(call.target for call in last)} = value")
            self.write_overridden(code, solver, f"if {stopped}")
        if last:
            self.write_refusal(code)
        with code.block(f"if type(raw) is {names.of('Invalid', Invalid)}"):
            invalid = names.of("invalid_answer", invalid_answer)
            code.line(f"raise {invalid}(site, call, raw.error, raw.value)")
        # Serializers may be the app's, and may warn: on the loop, as by FastAPI.
        with code.block("if not is_response"):
            self.answers.write_content(code, self.is_plain)

    def write_validation_on_thread(self, code: Code, run: str) -> None:
        """The response model of a `def` endpoint, where code of the app validates: on a thread of its own hop."""
        if self.handler.response_field is None:
            return
        validate = self.names.of("validate_response", validation_of(self.handler.response_field))
        code.line(f"value, found = await {run}({validate}, raw)")
        with code.block("if found"):
            made = self.names.of("ResponseValidationError", response_validation_error)
            code.line(f"raise {made}(site, call, found, raw)")

    def write_response(self, code: Code) -> None:
        self.answers.write_response(
            code,
            is_plain=self.is_plain,
            injected="injected" if self.has_response else "",
            background=self.background,
        )

    def write_sending(self, code: Code) -> None:
        self.answers.write_sending(
            code, is_plain=self.is_plain, background=self.background, scope=self.scope
        )


def is_call(step: Code | list[FunctionCall]) -> bool:
    """Whether a step calls a dependency."""
    return bool(step) if isinstance(step, list) else step.is_call


def validation_of(field: Any) -> Callable[[Any], Any]:
    """As `serialize_response` calls it on a thread."""
    return partial(field.validate, loc=("response",))


def response_validation_error(
    site: RouteSite, call: Any, errors: list[Any], value: Any
) -> Exception:
    from fastapi.exceptions import ResponseValidationError

    return ResponseValidationError(errors=errors, body=value, endpoint_ctx=site.context(call))
