"""What a handler, and turbo-shard itself, raises. Knows nothing of routes or requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._native import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HTTPException", "InputError", "RegistrationError", "StartError"]

FAULTS_MAX = 100
"""Most faults that one answer lists: a body of a million wrong items must not make an answer of a million faults."""


class HTTPException(Exception):
    """Raised by a handler to answer with a status: the body is `{"detail": detail}`.

    Without a detail it is the status's own phrase, such as `Not Found`.
    """

    def __init__(
        self,
        status_code: int,
        detail: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if not is_status(status_code):
            raise ValueError(f"an answer's status is 200 to 599, not {status_code!r}")
        super().__init__(status_code, detail)
        self.status_code = int(status_code)
        self.detail = phrase(status_code) if detail is None else detail
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status_code}: {self.detail}"


class InputError(ValueError):
    """What a peer sent is not what the app asked for. Uncaught, it is answered with 422 and `{"detail": errors}`.

    Each error is a dict with `type`, `loc`, `msg`, `input` and, for some types, `ctx`, as FastAPI lists them.
    """

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in self.errors
        )

    def under(self, *steps: str | int) -> InputError:
        """The same errors, below the place that `steps` lead to."""
        for error in self.errors:
            error["loc"] = [*steps, *error["loc"]]
        return self


class RegistrationError(Exception):
    """A route cannot be served as it is written; the message is one line that names the handler."""


def fault(
    kind: str, message: str, value: object, context: dict[str, Any] | None = None
) -> InputError:
    """One error, at the place that `InputError.under` will say."""
    error: dict[str, Any] = {"type": kind, "loc": [], "msg": message, "input": value}
    if context is not None:
        error["ctx"] = context
    return InputError([error])


def is_status(value: object) -> bool:
    """Whether an answer may have it: a final status, as an int or an HTTPStatus. A bool is never meant as one."""
    return isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599


def phrase(status_code: int) -> str:
    """The status's name, such as `Not Found`."""
    from http import HTTPStatus

    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return f"Status {status_code}"


def without_inputs(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The errors in a form that JSON can hold, where the peer's input cannot be: no inputs, and clean text."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return value.encode("utf-8", "replace").decode()
        return value if isinstance(value, int) else str(value).encode("utf-8", "replace").decode()

    return [
        {
            "type": clean(error["type"]),
            "loc": [clean(step) for step in error["loc"]],
            "msg": clean(error["msg"]),
            "input": None,
        }
        for error in errors
    ]
