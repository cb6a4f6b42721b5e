"""Makes native answers from what TurboAPI handlers return and raise. Knows nothing of requests.

A str is JSON and None is `null`, as TurboAPI's own servers send them.
"""

from __future__ import annotations

from typing import Any

from ...native.errors import HTTPException, InputError, is_status, without_inputs
from ...native.response import JSONResponse, Response, StreamingResponse
from .exchange import BodyFault
from .fields import Fields
from .names import is_of
from .parameters import Dialect


def to_answer(result: Any, dialect: Dialect) -> Any:
    """A value from which the native side makes the same answer."""
    kind = type(result)
    if kind is dict:
        if dialect.is_first and is_status(status := result.get("status_code")):
            # 0.3 takes the status out of the dict; to 1.x it is data like any other.
            rest = {name: value for name, value in result.items() if name != "status_code"}
            return rest, status
        return result
    if kind is list:
        return result
    if kind is tuple and len(result) == 2:
        return _body_and_status(*result)
    if isinstance(result, Response):
        return result
    if is_response(result):
        return _native_response(result)
    if isinstance(result, bytes | bytearray):
        return bytes(result)
    return _plain_json(result)


def to_any_answer(result: Any, dialect: Dialect) -> Any:
    """The same; what making it raises, in a model's own code, is answered as what the handler raises."""
    try:
        return to_answer(result, dialect)
    except Exception as error:
        answer = answer_to_error(error, dialect)
        if answer is None:
            raise
        return answer


def is_response(value: Any) -> bool:
    """Whether it is one of TurboAPI's responses, of either of its two families."""
    return is_of(value, "Response", "TurboResponse")


def _body_and_status(body: Any, status: Any) -> Any:
    body = dumped(body)
    if type(body) in (dict, list):
        return body, status
    if not is_status(status):
        # A pair of other things is meant as a status; native answers say what is wrong.
        return body, status
    return JSONResponse(body, status)


def _plain_json(result: Any) -> Any:
    result = dumped(result)
    return result if type(result) in (dict, list) else JSONResponse(result)


def dumped(value: Any) -> Any:
    """A model as the dict that it dumps; anything else as it is."""
    return value.model_dump() if callable(getattr(value, "model_dump", None)) else value


def _native_response(found: Any) -> Response:
    fields = Fields(found.headers.items())
    if is_of(found, "TurboResponse"):
        content, is_json = _encoded(found.content)
        media_type = "application/json" if is_json else "text/plain"
        return _response(content, found.status_code, fields, media_type)
    iterator = getattr(found, "_content_iterator", None)
    if iterator is not None:
        fields.setdefault("content-type", found.media_type or "application/octet-stream")
        return StreamingResponse(iterator, found.status_code, fields.pairs())
    body = found.body if isinstance(found.body, bytes) else str(found.body).encode()
    return _response(body, found.status_code, fields, found.media_type or "application/json")


def _response(body: bytes, status: int, fields: Fields, media_type: str) -> Response:
    has_type = "content-type" in fields or not body
    return Response(body, status, fields.pairs(), None if has_type else media_type)


def _encoded(content: Any) -> tuple[bytes, bool]:
    """A body's bytes, and whether they are JSON made from a value."""
    if isinstance(content, bytes | bytearray):
        return bytes(content), False
    if isinstance(content, str):
        return content.encode(), False
    if content is None:
        return b"", False
    return JSONResponse(content).body, True


def answer_to_error(error: Exception, dialect: Dialect) -> Any:
    """The answer to what a handler raised; None for an app's fault, which the native side logs."""
    if isinstance(error, InputError):
        return _with_detail(422, error.errors)
    if isinstance(error, BodyFault):
        return {"error": "Bad Request", "detail": str(error)}, 400
    if isinstance(error, HTTPException) or is_http_exception(error):
        return _with_detail(error.status_code, error.detail, error.headers)  # type: ignore[attr-defined]
    if dialect.is_first and isinstance(error, ValueError):
        return {"error": "Bad Request", "detail": str(error)}, 400
    return None


def is_http_exception(error: BaseException) -> bool:
    """TurboAPI's HTTPException, or one like it from the framework that the app came from."""
    if is_of(error, "HTTPException"):
        return True
    return is_status(getattr(error, "status_code", None)) and all(
        hasattr(error, name) for name in ("detail", "headers")
    )


def _with_detail(status: int, detail: Any, headers: Any = None) -> Any:
    fields = Fields(headers.items() if headers else ())
    body = {"detail": detail}
    if not isinstance(detail, list):
        return JSONResponse(body, status, fields.pairs())
    try:
        return JSONResponse(body, status, fields.pairs())
    except (ValueError, TypeError, RecursionError):
        # The peer sent what JSON cannot say back.
        return JSONResponse({"detail": without_inputs(detail)}, status, fields.pairs())


class View:
    """An answer as middleware sees and changes it: TurboAPI's response object. A stream has no `body`."""

    def __init__(self, answer: Any) -> None:
        native = _as_response(answer)
        self.status_code = native.status_code
        self.headers = Fields()
        for name, value in native.headers.multi_items():
            self.headers.append(name, value)
        self.media_type: str | None = self.headers.get("content-type")
        self._native = native
        self.content: Any = None
        if isinstance(native, StreamingResponse):
            return
        self.body: bytes = native.body
        self.content = _text_of(native.body)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "content" and value is not None:
            super().__setattr__("body", _encoded(value)[0])
        super().__setattr__(name, value)

    def set_header(self, name: str, value: str) -> None:
        self.headers[name] = value

    def get_header(self, name: str, default: str | None = None) -> str | None:
        found: str | None = self.headers.get(name, default)
        return found

    def set_cookie(self, key: str, value: str = "", **attributes: Any) -> None:
        """As TurboAPI's responses have it."""
        holder = Response()
        known = ("max_age", "expires", "path", "domain", "secure", "httponly", "samesite")
        chosen = {name: attributes[name] for name in known if name in attributes}
        holder.set_cookie(key, value, **chosen)
        self.headers.append("set-cookie", holder.headers["set-cookie"])

    def delete_cookie(self, key: str, path: str = "/", domain: str | None = None) -> None:
        self.set_cookie(key, "", max_age=0, path=path, domain=domain)

    def answer(self) -> Response:
        """What the native side sends."""
        if "body" not in self.__dict__:
            stream: Any = self._native
            return StreamingResponse(stream.content, self.status_code, self.headers.pairs())
        return Response(self.body, self.status_code, self.headers.pairs())


def _text_of(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _as_response(answer: Any) -> Response:
    status = 200
    if type(answer) is tuple:
        answer, status = answer
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, bytes):
        return Response(answer, status, media_type="application/octet-stream")
    return JSONResponse(answer, status)
