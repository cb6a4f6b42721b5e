"""How what an endpoint returns becomes an answer: FastAPI's serialization, and Starlette's responses.

Plain JSON goes to the call at once. Whatever may look different (headers of an injected Response, other classes,
statuses without a body) is built by FastAPI's own classes.
"""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import ResponseValidationError
from fastapi.utils import is_body_allowed_for_status_code
from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

from ... import _native
from .handlers import Handler
from .known_code import is_own
from .parameters import errors_at
from .purity import is_pure
from .site import RouteSite
from .source import Code, Names


class Invalid:
    """What an endpoint returned on a thread, where it does not fit its response model."""

    __slots__ = ("error", "value")

    def __init__(self, error: ValidationError, value: Any) -> None:
        self.error = error
        self.value = value


class AnswerWriter:
    """Writes what follows the endpoint: `raw` is what it returned."""

    def __init__(self, handler: Handler, names: Names) -> None:
        self.handler = handler
        self.names = names
        self.adapter = (
            handler.response_field._type_adapter if handler.response_field is not None else None
        )
        self.is_pure = self.adapter is None or is_pure(self.adapter.core_schema)
        self.dumps_json = self.adapter is not None and handler.is_default_class

    def is_plain(self, has_response: bool) -> bool:
        """Whether the answer is JSON with the status of the route, whatever the request."""
        handler = self.handler
        status = handler.status_code or 200
        return (
            not has_response
            and status >= 200
            and is_body_allowed_for_status_code(status)
            and handler.response_class is JSONResponse
        )

    def write_validation(self, code: Code, otherwise: str) -> None:
        """`value` becomes what the response model makes of `raw`; `otherwise` is done where it does not fit."""
        if self.adapter is None:
            return
        validate = self.names.of("validate_answer", self.adapter.validator.validate_python)
        # Raised behind the `except`, as FastAPI does it: the error has no context then.
        code.line("misfit = None")
        with code.block("try"):
            code.line(f"value = {validate}(raw, from_attributes=True)")
        with code.block(f"except {self.names.of('ValidationError', ValidationError)} as invalid"):
            code.line("misfit = invalid")
        with code.block("if misfit is not None"):
            code.line(otherwise)

    def write_content(self, code: Code, is_plain: bool) -> None:
        """`content` becomes the bytes of the answer; of one that is not plain, what its class is given."""
        names = self.names
        if self.adapter is None:
            if is_plain and is_own(json.dumps, "json", "dumps"):
                code.line(f"content = {names.of('encode_jsonable', _native.encode_jsonable)}(raw)")
                with code.block("if content is None"):
                    code.line(f"content = {names.of('json_of', json_of)}(raw)")
            elif is_plain:
                # The app writes its JSON in its own way.
                code.line(f"content = {names.of('json_of', json_of)}(raw)")
            else:
                code.line(f"content = {names.of('jsonable_encoder', jsonable_encoder)}(raw)")
            return
        dump = {
            name: value for name, value in self.handler.dump.items() if value not in (None, False)
        }
        keywords = "".join(f", {name}={names.of('dump', value)}" for name, value in dump.items())
        if "by_alias" not in dump:
            keywords += ", by_alias=False"
        serializer = self.adapter.serializer
        if self.dumps_json:
            code.line(f"content = {names.of('to_json', serializer.to_json)}(value{keywords})")
            return
        code.line(
            f"content = {names.of('to_python', serializer.to_python)}(value, mode='json'{keywords})"
        )
        if is_plain:
            code.line(f"content = {names.of('dumps', dumps)}(content)")

    def write_response(self, code: Code, *, is_plain: bool, injected: str, background: str) -> None:
        """`response` becomes the Response to send; None where `content` is sent as it is.

        What a dependency does to the injected Response after this, when it is torn down, comes too late, as by FastAPI.
        `injected`, `background`: variables, empty where there are none.
        """
        with code.block("if is_response"):
            if background:
                with code.block("if raw.background is None"):
                    code.line(f"raw.background = {background}")
            code.line("response = raw")
        with code.block("else"):
            if is_plain:
                code.line("response = None")
            else:
                made = self.names.of("response_with", response_with)
                handler = self.names.of("handler", self.handler)
                code.line(
                    f"response = {made}({handler}, content, {injected or None}, {background or None})"
                )

    def write_sending(self, code: Code, *, is_plain: bool, background: str, scope: str) -> None:
        """`response` is sent, or `content`. `scope`: a variable, empty where there is none."""
        send = self.names.of("send_response", send_response)
        sending = f"await {send}(call, {scope or 'site'}, response)"
        if not is_plain:
            code.line(sending)
            return
        with code.block("if response is None"):
            code.line(f"sent = call.answer({self.handler.status_code or 200}, content)")
            with code.block("if sent is not None"):
                code.line("await sent")
            if background:
                code.line(f"await {background}()")
        with code.block("else"):
            code.line(sending)


def new_response() -> Response:
    """What FastAPI gives to those who ask for the Response."""
    response = Response()
    del response.headers["content-length"]
    response.status_code = None  # type: ignore[assignment]
    return response


def response_with(
    handler: Handler, content: Any, injected: Response | None, background: Any
) -> Response:
    """As `get_request_handler` makes it of an endpoint's result."""
    arguments: dict[str, Any] = {"background": background}
    status = handler.status_code or (injected.status_code if injected is not None else None)
    if injected is not None and injected.status_code:
        status = injected.status_code
    if status is not None:
        arguments["status_code"] = status
    if handler.response_field is not None and handler.is_default_class:
        response = Response(content=content, media_type="application/json", **arguments)
    else:
        response = handler.response_class(content, **arguments)
    if not is_body_allowed_for_status_code(response.status_code):
        response.body = b""
    if injected is not None:
        response.headers.raw.extend(injected.headers.raw)
    return response


async def send_response(
    call: Any, place: RouteSite | MutableMapping[str, Any], response: Any
) -> None:
    """As `await response(scope, receive, send)`; one whose call is Starlette's own needs no messages."""
    if (
        isinstance(response, Response)
        and type(response).__call__ is Response.__call__
        and type(response.body) is bytes
    ):
        sent = call.answer_raw(response.status_code, response.raw_headers, response.body)
        if sent is not None:
            await sent
        if response.background is not None:
            await response.background()
        return
    scope = place.scope_of(call) if isinstance(place, RouteSite) else place
    await response(scope, call.receive, call.send)


def invalid_answer(
    site: RouteSite, call: Any, error: ValidationError, value: Any
) -> ResponseValidationError:
    errors = errors_at(error, ("response",))
    return ResponseValidationError(errors=errors, body=value, endpoint_ctx=site.context(call))


def json_of(value: Any) -> bytes:
    """What `JSONResponse` makes of an endpoint's result."""
    return dumps(jsonable_encoder(value))


def dumps(content: Any) -> bytes:
    """As `JSONResponse.render`."""
    return json.dumps(
        content, ensure_ascii=False, allow_nan=False, indent=None, separators=(",", ":")
    ).encode("utf-8")
