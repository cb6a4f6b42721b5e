"""Runs the user's code, and says in one line what it raised. Knows nothing of apps or of serving.

Anything may be raised there. Tracebacks show only the user's own frames: ours and those of the import machinery do not
help.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import traceback

OWN_DIRECTORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class AppError(Exception):
    """Why there is no app to serve, in one line. `report` is the user's own traceback to print before it, or empty."""

    def __init__(self, message: str, report: str = "") -> None:
        super().__init__(message)
        self.report = report


def run_user_code[T](call: Callable[[], T], what: str) -> T:
    """Turns any error of the user's code into an AppError whose cause is the original."""
    try:
        return call()
    except (KeyboardInterrupt, AppError):
        raise
    except SystemExit as error:
        code = "" if error.code is None else repr(error.code)
        raise AppError(f"{what}: it called sys.exit({code}){last_place(error)}") from None
    except SyntaxError as error:
        place = f"{error.filename}:{error.lineno}: " if error.filename else ""
        message = f"{place}{type(error).__name__}: {error.msg}"
        raise AppError(message, user_traceback(error)) from error
    except BaseException as error:
        summary = one_line(error)
        raise AppError(f"{what} failed: {summary}", user_traceback(error)) from error


def one_line(error: BaseException) -> str:
    """`ValueError: why`; of a message of several lines the first."""
    try:
        text = str(error).strip()
    except Exception:
        text = ""
    name = type(error).__name__
    return f"{name}: {text.splitlines()[0]}" if text else name


def is_user_file(filename: str) -> bool:
    return not filename.startswith(("<frozen importlib", OWN_DIRECTORY, importlib.__file__))


def user_frames(error: BaseException) -> Iterator[tuple[str, int]]:
    """File and line of each frame of the user's in the error's traceback, innermost last."""
    step = error.__traceback__
    while step is not None:
        filename = step.tb_frame.f_code.co_filename
        if is_user_file(filename):
            yield filename, step.tb_lineno
        step = step.tb_next


def last_place(error: BaseException) -> str:
    places = list(user_frames(error))
    return f" at {places[-1][0]}:{places[-1][1]}" if places else ""


def user_traceback(error: BaseException) -> str:
    """The traceback as Python prints it, with the user's frames only; empty if none is left and nothing to show."""
    import traceback

    shown = traceback.TracebackException.from_exception(error)
    keep_user_frames(shown)
    return "".join(shown.format())


def keep_user_frames(shown: traceback.TracebackException) -> None:
    import traceback

    shown.stack = traceback.StackSummary.from_list(
        [frame for frame in shown.stack if is_user_file(frame.filename)]
    )
    for linked in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if linked is not None:
            keep_user_frames(linked)


def description(found: object) -> str:
    if found is None:
        return "None"
    kind = type(found)
    if kind.__module__ == "builtins":
        article = "an" if kind.__name__[0] in "aeiou" else "a"
        return f"{article} {kind.__name__}"
    return f"an object of {kind.__module__}.{kind.__qualname__}"
