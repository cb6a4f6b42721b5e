"""The JSON body of a request, read and taken apart as FastAPI does it. Knows neither parameters nor answers."""

from __future__ import annotations

import email.message
import functools
import json
from typing import Any

from fastapi._compat import ModelField, Undefined
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import (
    _get_form_models,
    _should_embed_body_fields,
    _validate_value_with_model_field,
    request_body_to_args,
)
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import SchemaValidator
from starlette.exceptions import HTTPException
from starlette.requests import Request

from .parameters import ParameterWriter, errors_at, validator_of
from .source import Code, Names

JSON = "application/json"


def write_body(code: Code, names: Names, is_strict: bool, request: str) -> None:
    """`body` becomes what FastAPI makes of the request's body. `request` names the Request, if there is one.

    Without one the bytes are `received`, so that a Request that is made later can have them.
    """
    names_of = names.of
    if request:
        read = names_of("body_of_request", body_of_request)
        code.line(f"body = await {read}({request}, {is_strict!r}, site)")
        return
    code.line("received = call.take_body()")
    with code.block("if received is None"):
        code.line(f"received = await {names_of('rest_of_body', rest_of_body)}(call)")
    with code.block(f"if received and call.header('content-type') == {JSON!r}"):
        with code.block("try"):
            # Looked up each time, as Starlette does.
            code.line(f"body = {names_of('json', json)}.loads(received)")
        with code.block("except Exception as wrong"):
            code.line(
                f"raise {names_of('unreadable', unreadable)}(wrong, site.context(call)) from wrong"
            )
    with code.block("else"):
        code.line(
            f"body = {names_of('unusual_body', unusual_body)}(call, received, {is_strict!r}, site)"
        )


def write_body_parameters(
    writer: ParameterWriter, dependant: Dependant, embed: bool
) -> dict[str, str]:
    """The parameters of `dependant` that come from the body: name -> variable."""
    fields = dependant.body_params
    if not fields:
        return {}
    names, code = writer.names, writer.code
    if is_whole_body(fields, embed):
        variable = writer.variable()
        field = fields[0]
        with code.block(f"if body is {names.of('Undefined', Undefined)}"):
            check = names.of("check_missing", _validate_value_with_model_field)
            field_name = names.of("field", field)
            code.line(
                f"{variable}, found = {check}(field={field_name}, value=body, values={{}}, loc=('body',))"
            )
            code.line("errors.extend(found)")
        with code.block("else"), code.block("try"):
            code.line(
                f"{variable} = {names.of('validate', validator_of(field))}(body, from_attributes=True)"
            )
        code.depth += 1
        with code.block(f"except {names.of('ValidationError', ValidationError)} as invalid"):
            code.line(f"errors.extend({names.of('errors_at', errors_at)}(invalid, ('body',)))")
        code.depth -= 1
        return {field.name: variable}
    read = names.of("request_body_to_args", request_body_to_args)
    group = writer.variable()
    fields_name = names.of("body_fields", fields)
    code.line(
        f"{group}, found = await {read}(body_fields={fields_name}, received_body=body, embed_body_fields={embed!r})"
    )
    code.line("errors.extend(found)")
    values = {}
    for field in fields:
        values[field.name] = variable = writer.variable()
        code.line(f"{variable} = {group}.get({field.name!r})")
    return values


def is_whole_body(fields: list[ModelField], embed: bool) -> bool:
    """Whether the one parameter is the whole body, as `request_body_to_args` finds out."""
    return (
        len(fields) == 1
        and not embed
        and not _should_embed_body_fields(fields)
        and not _get_form_models(fields[0])
        and type(fields[0]._type_adapter.validator) is SchemaValidator
    )


async def rest_of_body(call: Any) -> bytes:
    """The body of a request that is still arriving."""
    try:
        return await Request(call.scope(), call.receive, call.send).body()
    except HTTPException:
        # From a middleware around the app, which limits bodies.
        raise
    except Exception as wrong:
        raise unreadable(wrong, None) from wrong


def unusual_body(call: Any, received: bytes, is_strict: bool, site: Any) -> Any:
    """What is made of a body that is empty, or not plainly JSON."""
    if not received:
        return Undefined
    try:
        is_read = is_json(call.header("content-type"), is_strict)
        return json.loads(received) if is_read else received
    except Exception as wrong:
        raise unreadable(wrong, site.context(call)) from wrong


def keep_body(request: Request, received: bytes, body: Any) -> None:
    """Give a Request what FastAPI's own would have kept of its body, for handlers of exceptions that read it again."""
    request._body = received
    request._stream_consumed = True
    if body is not received and body is not Undefined:
        request._json = body


async def body_of_request(request: Request, is_strict: bool, site: Any) -> Any:
    """The same through a Request that the app sees: it keeps the body for those who ask again."""
    try:
        body = await request.body()
        if not body:
            return Undefined
        return (
            await request.json()
            if is_json(request.headers.get("content-type"), is_strict)
            else body
        )
    except HTTPException:
        raise
    except Exception as wrong:
        raise unreadable(wrong, site.context_in(request.scope)) from wrong


def is_json(content_type: str | None, is_strict: bool) -> bool:
    """Whether FastAPI reads a body of this type as JSON."""
    return is_json_type(content_type) if content_type else not is_strict


@functools.lru_cache(maxsize=64)
def is_json_type(content_type: str) -> bool:
    message = email.message.Message()
    message["content-type"] = content_type
    if message.get_content_maintype() != "application":
        return False
    subtype = message.get_content_subtype()
    return subtype == "json" or subtype.endswith("+json")


def unreadable(wrong: Exception, context: Any) -> Exception:
    """What FastAPI raises for a body that cannot be read."""
    if isinstance(wrong, json.JSONDecodeError):
        error = {
            "type": "json_invalid",
            "loc": ("body", wrong.pos),
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": wrong.msg},
        }
        return RequestValidationError([error], body=wrong.doc, endpoint_ctx=context)
    return HTTPException(status_code=400, detail="There was an error parsing the body")
