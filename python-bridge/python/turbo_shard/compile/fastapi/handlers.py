"""What FastAPI would run for a route, read from the functions that it made for it; refuses where somebody wrapped
them.

A library that watches an app replaces or wraps a route's handler. FastAPI's own are closures of known functions, so
what they hold is what counts, and anything else is a reason not to compile.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import FunctionType
from typing import Any

from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant, _is_async_gen_callable, _is_gen_callable
from starlette.responses import Response

from .known_code import is_own
from .refusal import Refused

ROUTING = "fastapi.routing"


@dataclass(frozen=True, kw_only=True)
class Handler:
    """What `get_request_handler` was given for a route."""

    dependant: Dependant
    body_field: Any
    status_code: int | None
    response_class: type[Response]
    is_default_class: bool
    response_field: Any
    # The keywords of pydantic's serializer.
    dump: dict[str, Any]
    overrides_provider: Any
    embed_body_fields: bool
    is_strict: bool


def handler_of(route: Any) -> Handler:
    """What runs for `route`, an APIRoute or its effective context. Raises Refused."""
    app = route.app
    if type(app).__name__ == "RequestBodyLimitMiddleware":
        raise Refused("it has a max_body_size")
    made_by = "request_response.<locals>.app"
    outer = cells_of(app, made_by, "its app has been replaced or wrapped")
    handler = outer["f"]
    cells = cells_of(handler, "get_request_handler.<locals>.app", "its handler has been wrapped")
    response_class = cells["response_class"]
    is_default = isinstance(response_class, DefaultPlaceholder)
    if cells["is_body_form"]:
        raise Refused("it takes a form or files")
    if cells["is_sse_stream"] or cells["is_json_stream"]:
        raise Refused("its endpoint yields what it answers")
    dependant = cells["dependant"]
    if _is_gen_callable(dependant.call) or _is_async_gen_callable(dependant.call):
        raise Refused("its endpoint yields what it answers")
    return Handler(
        dependant=dependant,
        body_field=cells["body_field"],
        status_code=cells["status_code"],
        response_class=cells["actual_response_class"],
        is_default_class=is_default,
        response_field=cells["response_field"],
        dump={
            "include": cells["response_model_include"],
            "exclude": cells["response_model_exclude"],
            "by_alias": cells["response_model_by_alias"],
            "exclude_unset": cells["response_model_exclude_unset"],
            "exclude_defaults": cells["response_model_exclude_defaults"],
            "exclude_none": cells["response_model_exclude_none"],
        },
        overrides_provider=cells["dependency_overrides_provider"],
        embed_body_fields=cells["embed_body_fields"],
        is_strict=cells["actual_strict_content_type"],
    )


def cells_of(function: object, name: str, otherwise: str) -> dict[str, Any]:
    """The variables that a function of FastAPI's routing encloses. Raises Refused for any other."""
    if not is_own(function, ROUTING, name) or not isinstance(function, FunctionType):
        owner = getattr(function, "__module__", None) or type(function).__module__
        raise Refused(f"{otherwise} (by {owner})")
    values = (cell.cell_contents for cell in function.__closure__ or ())
    return dict(zip(function.__code__.co_freevars, values, strict=True))
