"""Classes that validate on their own, as pydantic's models do: their errors read like those of our own readers. Imports
no pydantic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import FAULTS_MAX, InputError, fault


def is_model(annotation: Any) -> bool:
    """Whether it is a class that validates on its own, as pydantic's models do."""
    return isinstance(annotation, type) and callable(getattr(annotation, "model_validate", None))


def model_reader(annotation: Any) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            # As in FastAPI: the error for a value that is not a dict is the one for an object without attributes.
            return annotation.model_validate(value, from_attributes=True)
        except InputError:
            raise
        except ValueError as error:
            listed = getattr(error, "errors", None)
            if not callable(listed):
                raise fault("value_error", f"Value error, {error}", value, {"error": {}}) from error
            raise InputError([_as_fault(one) for one in listed()][:FAULTS_MAX]) from error

    return read


def _as_fault(found: dict[str, Any]) -> dict[str, Any]:
    error = {
        "type": found["type"],
        "loc": [*found["loc"]],
        "msg": found["msg"],
        "input": found["input"],
    }
    if "ctx" in found:
        context = found["ctx"].items()
        error["ctx"] = {key: {} if isinstance(one, Exception) else one for key, one in context}
    return error
