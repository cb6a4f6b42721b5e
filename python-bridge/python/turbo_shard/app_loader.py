"""Finds the app that `module:attribute` names, and says in one line why it cannot be had. Knows nothing of serving.

The user's code runs here, so anything may be raised. Tracebacks show the user's own frames only: ours and those of the
import machinery help nobody.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import traceback

    from .app import App

DEFAULT_ATTRIBUTES = ("app", "application")
OWN_DIRECTORY = os.path.dirname(os.path.abspath(__file__)) + os.sep
NATIVE_ONLY = "this version serves native turbo_shard apps only, ASGI and WSGI are not there yet"


class AppError(Exception):
    """Why there is no app to serve, in one line. `report` is the user's own traceback to print before it, or empty."""

    def __init__(self, message: str, report: str = "") -> None:
        super().__init__(message)
        self.report = report


def load(
    reference: str, *, app_dir: str = ".", factory: bool = False, allow_gil: bool = False
) -> App:
    """Imports what `reference` names, with `app_dir` first on Python's path, and returns the app."""
    module_name, attributes = split_reference(reference)
    directory = put_on_path(app_dir)
    with GilWatch() as watch:
        module = import_module(module_name, directory)
        found, name = look_up(module, module_name, attributes, directory)
        if factory:
            found = call_factory(found, name)
    refuse_gil(watch.culprit, allow_gil=allow_gil)

    from .app import App

    if not isinstance(found, App):
        raise AppError(refusal(found, name, from_factory=factory))
    return found


def split_reference(reference: str) -> tuple[str, list[str]]:
    """`shop.web:site.api` as `shop.web` and `[site, api]`; no attributes where none are given."""
    module_name, colon, attribute = reference.partition(":")
    if module_name.endswith(".py") or "/" in module_name:
        likely = module_name.removesuffix(".py").strip("./").replace("/", ".") or "app"
        likely += f":{attribute or DEFAULT_ATTRIBUTES[0]}"
        raise AppError(f"{module_name!r} is a file; name the module instead, such as {likely}")
    attributes = attribute.split(".") if attribute else []
    if not all(module_name.split(".")) or not all(attributes) or (colon and not attribute):
        raise AppError(f"{reference!r} is not MODULE:ATTRIBUTE, such as app:app")
    return module_name, attributes


def put_on_path(app_dir: str) -> str:
    """Makes `app_dir` the first place where modules are looked for; returns its absolute path."""
    directory = os.path.abspath(app_dir)
    if not os.path.isdir(directory):
        raise AppError(f"--app-dir: {app_dir!r} is not a directory")
    sys.path.insert(0, directory)
    return directory


def import_module(name: str, directory: str) -> ModuleType:
    try:
        return run_user_code(lambda: importlib.import_module(name), f"importing {name!r}")
    except AppError as error:
        missing = error.__cause__
        # With a frame of the user's in it, the traceback shows an import inside the app that failed.
        if not isinstance(missing, ModuleNotFoundError) or any(user_frames(missing)):
            raise
        if missing.name is None or not f"{name}.".startswith(f"{missing.name}."):
            raise
        close = did_you_mean(name, module_names(directory))
        message = (
            f"there is no module {missing.name!r} in {directory} or elsewhere on Python's path"
        )
        raise AppError(message + close) from None


def look_up(
    module: ModuleType, module_name: str, attributes: list[str], directory: str
) -> tuple[object, str]:
    """The object that the attributes lead to, and what to call it in messages."""
    if not attributes:
        for attribute in DEFAULT_ATTRIBUTES:
            if hasattr(module, attribute):
                return getattr(module, attribute), f"{module_name}:{attribute}"
        hint = taken_name(module, module_name, directory) or named_apps(module, module_name)
        raise AppError(
            f"module {module_name!r} has neither {' nor '.join(DEFAULT_ATTRIBUTES)}"
            f"{hint or f'; name the attribute: {module_name}:NAME'}"
        )
    found: object = module
    name = module_name
    for separator, attribute in zip([":", *"." * len(attributes)], attributes, strict=False):
        if not run_user_code(lambda: hasattr(found, attribute), f"looking up {name}"):  # noqa: B023
            hint = taken_name(module, module_name, directory) if found is module else ""
            hint = hint or did_you_mean(attribute, public_names(found))
            if found is module:
                hint = hint or named_apps(module, module_name)
            what = f"module {name!r}" if found is module else name
            raise AppError(f"{what} has no attribute {attribute!r}{hint}")
        found = getattr(found, attribute)
        name += separator + attribute
    return found, name


def call_factory(factory: object, name: str) -> object:
    if not callable(factory):
        raise AppError(
            f"{name} is {description(factory)}, not a function that makes the app; leave --factory out"
        )
    try:
        made = run_user_code(factory, f"calling the factory {name}")
    except AppError as error:
        # No frame of the user's: the call itself did not fit.
        if isinstance(error.__cause__, TypeError) and not any(user_frames(error.__cause__)):
            raise AppError(
                f"{name} cannot be called without arguments: {error.__cause__}"
            ) from None
        raise
    if hasattr(made, "__await__"):
        close = getattr(made, "close", None)
        if close is not None:
            close()
        raise AppError(f"{name} is an async function; a factory must be an ordinary one")
    return made


# What the user's code may raise.


def run_user_code[T](call: Callable[[], T], what: str) -> T:
    """Turns whatever the user's code raises into an AppError whose cause is the original."""
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


# What may have been meant.


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(wrong, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def module_names(directory: str) -> list[str]:
    """Modules and packages that lie in the directory."""
    names = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                names.append(entry.name.removesuffix(".py"))
            elif os.path.exists(os.path.join(entry.path, "__init__.py")):
                names.append(entry.name)
    return names


def public_names(found: object) -> list[str]:
    return [name for name in dir(found) if not name.startswith("_")]


def named_apps(module: ModuleType, module_name: str) -> str:
    from .app import App

    apps = [name for name, value in vars(module).items() if isinstance(value, App)]
    return f"; it has the app {module_name}:{apps[0]}" if apps else ""


def taken_name(module: ModuleType, module_name: str, directory: str) -> str:
    """A hint where another module of this name was found before the user's, such as one of Python's own."""
    top = module_name.partition(".")[0]
    wanted = next(
        filter(
            os.path.exists,
            (os.path.join(directory, f"{top}.py"), os.path.join(directory, top, "__init__.py")),
        ),
        None,
    )
    origin = getattr(sys.modules.get(top, module), "__file__", None)
    if wanted is None or (
        origin is not None and os.path.realpath(origin) == os.path.realpath(wanted)
    ):
        return ""
    return f"; it is {origin or 'part of Python'}, not {wanted}: give your module another name"


def refusal(found: object, name: str, *, from_factory: bool) -> str:
    """Why this object is not served, and what would help."""
    from .app import App, Router

    what = f"what {name} returned" if from_factory else name
    if isinstance(found, Router):
        return f"{what} is a Router; include it in an App: app.include_router(router)"
    if isinstance(found, type) and issubclass(found, App):
        return (
            f"{what} is the class {found.__name__} itself; make an instance of it, or add --factory"
        )
    interface = interface_of(found)
    if interface:
        return f"{what} is {description(found)}, which looks like {interface}; {NATIVE_ONLY}"
    if callable(found) and not from_factory:
        return f"{what} is {description(found)}, not an App; if it makes the app, add --factory"
    return f"{what} is {description(found)}, not a turbo_shard App"


def description(found: object) -> str:
    if found is None:
        return "None"
    kind = type(found)
    if kind.__module__ == "builtins":
        article = "an" if kind.__name__[0] in "aeiou" else "a"
        return f"{article} {kind.__name__}"
    return f"an object of {kind.__module__}.{kind.__qualname__}"


def interface_of(found: object) -> str:
    """`an ASGI app`, `a WSGI app` or nothing, from the arguments that it wants to be called with."""
    import inspect

    if not callable(found) or isinstance(found, type):
        return ""
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return ""
    required = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return {3: "an ASGI app", 2: "a WSGI app"}.get(len(required), "")


# The GIL.


def is_free_threaded() -> bool:
    """Whether this Python was built without a GIL; it may have been switched on all the same."""
    return "t" in sys.abiflags


def is_gil_on() -> bool:
    probe: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    return True if probe is None else probe()


class GilWatch:
    """Notices which extension module switches the GIL on while the app is imported.

    Python says so only in a warning, which the app may have silenced; so the loader of extension modules is watched.
    """

    def __init__(self) -> None:
        self.culprit: str | None = None
        self.restore: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        if is_gil_on():
            return self
        loader: Any = importlib.machinery.ExtensionFileLoader
        create_module = loader.create_module

        def watched(self_: object, spec: importlib.machinery.ModuleSpec) -> ModuleType:
            if is_gil_on():
                return create_module(self_, spec)  # type: ignore[no-any-return]
            with warnings.catch_warnings():
                # Python's own words about it: the one line from here says the same and what to do.
                warnings.filterwarnings("ignore", "The global interpreter lock", RuntimeWarning)
                module: ModuleType = create_module(self_, spec)
            if is_gil_on() and self.culprit is None:
                self.culprit = spec.name
            return module

        loader.create_module = watched
        self.restore = lambda: setattr(loader, "create_module", create_module)
        return self

    def __exit__(self, *exception: object) -> None:
        self.restore()


def refuse_gil(culprit: str | None, *, allow_gil: bool) -> None:
    """Raises where a free-threaded Python runs with its GIL on after all, unless that is allowed."""
    if allow_gil or not is_free_threaded() or not is_gil_on():
        return
    if culprit is not None:
        reason = f"the extension module {culprit!r} switched the GIL on"
        help_text = "use a version of it that supports free threading, or set PYTHON_GIL=0"
    else:
        reason = (
            "the GIL is on (PYTHON_GIL=1, -X gil=1, or an extension module imported before the app)"
        )
        help_text = "start without that"
    raise AppError(
        f"{reason}, so that shards would run Python one at a time; {help_text}, or add --allow-gil"
    )
