"""Writes a made app as Python, to be run and to be read when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from made_apps import FALLBACK, Dependency, Field, MadeApp, Model, Parameter, Route, Router, Use

PREAMBLE = '''
import functools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, Header, HTTPException, Path, Query
from fastapi import Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from fastapi.security import SecurityScopes
from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator
from starlette.background import BackgroundTask

from journal import MARK, mark, note
from scope_dump import note_scope


class Colour(Enum):
    red = "red"
    blue = "blue"


class OwnError(Exception):
    pass


def boom(what):
    if what == "http":
        raise HTTPException(409, "boom", {"x-boom": "1"})
    if what == "own":
        raise OwnError("boom")
    if what == "key":
        raise KeyError("boom")


def shown(values):
    return {name: repr(sorted(value, key=repr) if isinstance(value, set) else value) for name, value in values.items()}


def given(request=None, response=None, tasks=None, scopes=None, by=""):
    if request is not None:
        note_scope(request.scope)
    if response is not None:
        response.headers.append("x-by", by)
        response.set_cookie(by, "1")
    if tasks is not None:
        tasks.add_task(mark, "task of " + by)
    if scopes is not None:
        note("scopes", scopes.scopes)
'''.strip()  # fmt: skip

GIVEN = {
    "request": "request: Request",
    "response": "response: Response",
    "tasks": "tasks: BackgroundTasks",
    "scopes": "scopes: SecurityScopes",
}


def source_of(app: MadeApp) -> str:
    return "\n".join(
        [
            PREAMBLE,
            "",
            *(line for model in app.models for line in model_lines(model)),
            *app_lines(app),
            "",
        ]
    )


def make_app_of(source: str) -> FastAPI:
    names: dict[str, Any] = {}
    # This file has its annotations as texts; the app must not inherit that.
    exec(compile(source, "<made app>", "exec", dont_inherit=True), names)
    app: FastAPI = names["make_app"]()
    return app


def model_lines(model: Model) -> Iterator[str]:
    yield ""
    if model.is_dataclass:
        yield "@dataclass"
        yield f"class {model.name}:"
        for one in model.fields:
            mutable = one.default.startswith(("[", "{"))
            default = f"field(default_factory=lambda: {one.default})" if mutable else one.default
            yield f"    {one.name}: {field_type(one)}" + (f" = {default}" if one.default else "")
        return
    yield f"class {model.name}(BaseModel):"
    config = [f"extra={model.extra!r}"] if model.extra else []
    config += ["populate_by_name=True"] if model.by_name else []
    if config:
        yield f"    model_config = ConfigDict({', '.join(config)})"
    for one in model.fields:
        keywords = [*one.constraints, *([f"alias={one.alias!r}"] if one.alias else [])]
        default = [one.default] if one.default else []
        needs_field = bool(keywords)
        value = (
            f" = Field({', '.join([*default, *keywords])})"
            if needs_field
            else "".join(f" = {text}" for text in default)
        )
        yield f"    {one.name}: {field_type(one)}{value}"
    if model.validates:
        yield "    @model_validator(mode='after')"
        yield "    def validates(self):"
        yield f"        note('{model.name} validates')"
        yield "        return self"
    if model.serializes:
        yield f"    @field_serializer('{model.fields[0].name}')"
        yield "    def serializes(self, value):"
        yield f"        note('{model.name} serializes')"
        yield "        return repr(value)"


def field_type(one: Field) -> str:
    written = one.kind.name if isinstance(one.kind, Model) else one.kind.written
    return f"list[{written}]" if one.is_list else written


def parameter_text(parameter: Parameter) -> str:
    kind = parameter.kind
    written = kind.name if isinstance(kind, Model) else kind.written
    if parameter.shape == "list":
        written = f"list[{written}]"
    if parameter.shape == "optional":
        written = f"{written} | None"
    keywords = list(parameter.constraints)
    if parameter.alias:
        keywords.append(f"alias={parameter.alias!r}")
    if parameter.embed:
        keywords.append("embed=True")
    default = "None" if parameter.shape == "optional" else parameter.default
    if parameter.place == "path or query":
        return f"{parameter.name}: {written} = {default}"
    text = (
        f"{parameter.name}: Annotated[{written}, {parameter.place.title()}({', '.join(keywords)})]"
    )
    return f"{text} = {default}" if default else text


def use_text(use: Use) -> str:
    keywords = [use.dependency.name]
    if not use.use_cache:
        keywords.append("use_cache=False")
    if use.security:
        # It has no scope of its own.
        return f"Security({', '.join([*keywords, f'scopes={list(use.security)}'])})"
    if use.scope:
        keywords.append(f"scope={use.scope!r}")
    return f"Depends({', '.join(keywords)})"


def signature(
    parameters: tuple[Parameter, ...],
    uses: tuple[Use, ...],
    given: tuple[str, ...],
    more: tuple[str, ...] = (),
) -> str:
    texts = [f"used{number}: Annotated[Any, {use_text(use)}]" for number, use in enumerate(uses)]
    texts += map(parameter_text, parameters)
    texts += (GIVEN[name] for name in given)
    texts += more
    return f"*, {', '.join(texts)}" if texts else ""


def note_lines(
    name: str, parameters: tuple[Parameter, ...], uses: tuple[Use, ...], given: tuple[str, ...]
) -> Iterator[str]:
    names = [*(f"used{number}" for number in range(len(uses))), *(one.name for one in parameters)]
    yield f"values = shown(dict({', '.join(f'{one}={one}' for one in names)}))"
    yield f"note({name!r}, values)"
    if given:
        yield f"given({', '.join(f'{one}={one}' for one in given)}, by={name!r})"


def dependency_lines(one: Dependency) -> Iterator[str]:
    before, after = f"{one.name}_before", f"{one.name}_after"
    more = (f"{before}: str = ''",)
    if one.yields:
        more = (*more, f"{after}: str = ''")
    arguments = signature(one.parameters, one.uses, one.given, more)
    body = [
        *note_lines(one.name, one.parameters, one.uses, one.given),
        f"MARK.set({one.name!r})",
        f"boom({before})",
    ]
    if one.form in ("class", "callable"):
        yield f"class {one.name}:" if one.form == "class" else f"class Of{one.name}:"
        method = "__init__" if one.form == "class" else "__call__"
        yield f"    def {method}(self, {arguments}):"
        yield from (f"        {text}" for text in body)
        yield "        self.values = values" if one.form == "class" else "        return values"
        yield f"    def __repr__(self): return {one.name!r}"
        if one.form == "callable":
            yield f"{one.name} = Of{one.name}()"
        return
    if one.form == "partial":
        yield f"async def of_{one.name}({arguments.replace('*, ', 'first, *, ', 1) or 'first'}):"
        yield from (f"    {text}" for text in body)
        yield "    return first"
        yield f"{one.name} = functools.partial(of_{one.name}, 'first')"
        return
    yield f"{'async ' if 'async' in one.form else ''}def {one.name}({arguments}):"
    yield from (f"    {text}" for text in body)
    if not one.yields:
        yield "    return values"
        return
    yield "    try:"
    yield "        yield values"
    yield "    except Exception as error:"
    yield f"        note('{one.name} hears', type(error).__name__)"
    yield "        pass" if one.swallows else "        raise"
    yield "    finally:"
    yield f"        note('{one.name} closes')"
    yield f"    boom({after})"


def route_lines(route: Route, router: str) -> Iterator[str]:
    settings = [f"{route.path!r}", f"methods={list(route.methods)}"]
    if route.around:
        settings.append(f"dependencies=[{', '.join(map(use_text, route.around))}]")
    if route.response_model:
        settings.append(f"response_model={route.response_model}")
    settings += [f"response_model_{switch}" for switch in route.switches]
    if route.status:
        settings.append(f"status_code={route.status}")
    annotation = f" -> {route.annotation}" if route.annotation else ""
    arguments = signature(
        route.parameters, route.uses, route.given, (f"{route.name}_inside: str = ''",)
    )
    yield f"@{router}.api_route({', '.join(settings)})"
    yield f"{'async ' if route.is_async else ''}def {route.name}({arguments}){annotation}:"
    yield from (
        f"    {text}" for text in note_lines(route.name, route.parameters, route.uses, route.given)
    )
    yield f"    mark({route.name!r})"
    yield f"    boom({route.name}_inside)"
    yield from (f"    {text}" for text in returned_lines(route))


def returned_lines(route: Route) -> Iterator[str]:
    if route.returned == "raise":
        yield "raise HTTPException(418, 'tea')"
    else:
        yield f"return {route.returned}"


def made_value_lines(model: Model) -> Iterator[str]:
    """A function that returns what may fit the model: an instance or a dict."""
    yield f"def made_{model.name}():"
    items = []
    for one in model.fields:
        value = f"made_{one.kind.name}()" if isinstance(one.kind, Model) else one.kind.returned[0]
        items.append((one, f"[{value}]" if one.is_list else value))
    if model.is_dataclass or model.by_name or not any(one.alias for one in model.fields):
        arguments = ", ".join(f"{one.name}={value}" for one, value in items)
        yield "    try:"
        yield f"        return {model.name}({arguments})"
        yield "    except ValueError:"
        yield "        pass"
    yield f"    return {{{', '.join(f'{one.key!r}: {value}' for one, value in items)}}}"


def router_lines(router: Router) -> Iterator[str]:
    if router.name != "app":
        around = (
            f", dependencies=[{', '.join(map(use_text, router.around))}]" if router.around else ""
        )
        yield f"{router.name} = APIRouter(prefix={router.prefix!r}{around})"
    for index, route in enumerate(router.routes):
        if index == 1:
            yield from included_lines(router)
        yield from route_lines(route, router.name)
    if len(router.routes) < 2:
        yield from included_lines(router)


def included_lines(router: Router) -> Iterator[str]:
    for inner, prefix, around in router.included:
        yield from router_lines(inner)
        more = f", dependencies=[{', '.join(map(use_text, around))}]" if around else ""
        yield f"{router.name}.include_router({inner.name}, prefix={prefix!r}{more})"


HANDLERS = {
    "own": ("OwnError", "async def on_own(request, error):", "return JSONResponse({'own': str(error)}, 409)"),
    "own def": ("OwnError", "def on_own_def(request, error):", "return PlainTextResponse('own', 408)"),
    "404": ("404", "async def on_404(request, error):", "return PlainTextResponse('nothing', 404)"),
    "http": ("HTTPException", "def on_http(request, error):", "return PlainTextResponse(str(error.detail), 416)"),
    "validation": (
        "RequestValidationError",
        "async def on_validation(request, error):",
        "return JSONResponse({'errors': len(error.errors()), 'body': repr(error.body), 'text': str(error)}, 422)",
    ),
    "500": ("500", "async def on_500(request, error):", "return PlainTextResponse('sorry', 500)"),
}  # fmt: skip

MIDDLEWARE = {
    "decorated": """
@app.middleware("http")
async def decorated(request, call_next):
    mark("decorated")
    response = await call_next(request)
    note("decorated after", response.status_code)
    response.headers["x-decorated"] = "1"
    return response
""",
    "pure": """
class Pure:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            mark("pure")
            try:
                await self.app(scope, receive, send)
            finally:
                note_scope(scope)
        else:
            await self.app(scope, receive, send)

app.add_middleware(Pure)
""",
}


def app_lines(app: MadeApp) -> Iterator[str]:
    for model in app.models:
        yield from made_value_lines(model)
    yield "def make_app():"
    settings = list(app.settings)
    if app.router.around:
        settings.append(f"dependencies=[{', '.join(map(use_text, app.router.around))}]")
    lines = [line for one in app.dependencies for line in dependency_lines(one)]
    lines.append(f"app = FastAPI({', '.join(settings)})")
    for name in app.middleware:
        lines += MIDDLEWARE[name].strip().splitlines()
    for name in app.handlers:
        raised, head, answer = HANDLERS[name]
        lines += [
            f"@app.exception_handler({raised})",
            head,
            f"    note({name!r}, type(error).__name__)",
            f"    {answer}",
        ]
    lines += route_lines(FALLBACK, "app")
    lines += router_lines(app.router)
    lines += [
        f"app.dependency_overrides[{one.name}] = {other.name}" for one, other in app.overrides
    ]
    lines.append("return app")
    yield from (f"    {line}" for line in lines)
