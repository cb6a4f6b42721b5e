"""Finds the app that `module:attribute` names, and another instance of it when a shard wants one of its own; says in
one line why there is none. Knows nothing of serving.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterable
from importlib.machinery import EXTENSION_SUFFIXES
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import NamedTuple

from ..settings import Settings
from ..user_code.gil_watch import GilWatch, refuse_gil
from ..user_code.running import AppError, description, run_user_code, user_frames
from .app_hints import factory_hint, install_hint, project_hint
from .fresh_import import Another
from .interfaces import IN_WORDS, Interface, choose, interfaces_of, router_hint

DEFAULT_ATTRIBUTES = ("app", "application")
FUNCTIONS = (FunctionType, BuiltinFunctionType)
DJANGO_SHARED = "Django keeps one registry of models per process"


class LoadedApp(NamedTuple):
    """An app that can be served, and the way to another instance of it."""

    name: str
    interface: Interface
    # What the native server is given.
    instance: object
    # Makes another one, for the calling thread to keep. None: there can be only one, and why.
    another: Another | None
    why_one: str = ""
    # Whether one instance can serve several event loops; known of some apps only.
    is_shareable: bool = True
    # How long the first import took, in seconds.
    import_s: float = 0.0


def load(reference: str, settings: Settings, *, allow_gil: bool) -> LoadedApp:
    """Imports what `reference` names, with the settings' `app_dir` first on Python's path, and returns the app.

    Whether the GIL may be on depends on the number of shards too.
    """
    module_name, attributes = split_reference(reference)
    factory = settings.factory
    directory = put_on_path(settings.app_dir)
    started = time.monotonic()
    with GilWatch() as watch:
        module = import_module(module_name, directory)
        found, name = look_up(module, module_name, attributes, directory)
        app = call_factory(found, name) if factory else found
    import_s = time.monotonic() - started
    refuse_gil(watch.culprit, allow_gil=allow_gil)
    chosen = choose(app, name, wanted=settings.interface, from_factory=factory)
    instance = for_server(app, chosen, name)
    if reason := why_imported_once(module):
        return LoadedApp(name, chosen, instance, None, reason, reason == DJANGO_SHARED)

    def find_again() -> object:
        again = import_module(module_name, directory)
        found, _ = look_up(again, module_name, attributes, directory)
        app = call_factory(found, name) if factory else found
        return for_server(same_interface(app, name, chosen), chosen, name)

    another = Another(
        find_again,
        name,
        allow_gil=allow_gil,
        module=module,
        directory=directory,
        own=settings.own,
    )
    return LoadedApp(name, chosen, instance, another, import_s=import_s)


def given_app(app: object, settings: Settings) -> LoadedApp:
    """The same for an app, or a factory, that a script has at hand; TypeError for an object that is not an app."""
    name = "the app"
    try:
        first = call_factory(app, name) if settings.factory else app
        chosen = choose(
            first, name, wanted=settings.interface, from_factory=settings.factory, flag="interface"
        )
    except AppError as error:
        # Errors of the user's code go to the user; all others are about what was given.
        raise error.__cause__ or TypeError(str(error)) from None
    if settings.factory:

        def make_again() -> object:
            return for_server(same_interface(call_factory(app, name), name, chosen), chosen, name)

        another = Another(make_again, name, allow_gil=settings.allow_gil)
        return LoadedApp(name, chosen, for_server(first, chosen, name), another)
    reason = "serve() was given one instance; a factory would make more (factory=True)"
    return LoadedApp(name, chosen, for_server(app, chosen, name), None, reason)


def same_interface(app: object, name: str, chosen: Interface) -> object:
    """`app`, another instance of one that is served by `chosen`."""
    if chosen not in interfaces_of(app):
        raise AppError(
            f"{name} is {description(app)} this time, and was {IN_WORDS[chosen]} the first time"
        )
    return app


def for_server(app: object, chosen: Interface, name: str) -> object:
    """What the native server takes: a TurboAPI app becomes a native one."""
    if chosen != "turboapi":
        return app
    from ..compile.turboapi.adapt import adapt
    from ..native.errors import RegistrationError

    try:
        return run_user_code(lambda: adapt(app), f"adapting {name}")
    except AppError as error:
        # The adapter's own words say which part of the app cannot be honoured, and where.
        if isinstance(error.__cause__, RegistrationError):
            raise AppError(f"{name}: {error.__cause__}") from None
        raise


def why_imported_once(module: ModuleType) -> str:
    """Why the user's modules cannot be imported afresh, or nothing."""
    django = sys.modules.get("django.apps")
    if django is not None and getattr(getattr(django, "apps", None), "ready", False):
        return DJANGO_SHARED
    origin = getattr(module, "__file__", None)
    if origin is None:
        return f"module {module.__name__!r} has no file to import afresh"
    return (
        f"module {module.__name__!r} is compiled"
        if origin.endswith(tuple(EXTENSION_SUFFIXES))
        else ""
    )


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
    """Makes `app_dir` the first place to look for modules; returns its absolute path."""
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
        if not isinstance(missing, ModuleNotFoundError):
            raise
        # With a frame of the user's in it, the traceback shows an import inside the app that failed.
        if any(user_frames(missing)):
            if hint := install_hint(missing.name):
                raise AppError(f"{error}{hint}", error.report) from missing
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
        hint = hint_for_module(module, module_name, directory)
        raise AppError(
            f"module {module_name!r} has neither {' nor '.join(DEFAULT_ATTRIBUTES)}"
            f"{hint or f'; name the attribute: {module_name}:NAME'}"
        )
    found: object = module
    name = module_name
    for separator, attribute in zip([":", *"." * len(attributes)], attributes, strict=False):
        if not run_user_code(lambda: hasattr(found, attribute), f"looking up {name}"):  # noqa: B023
            if found is module:
                hint = hint_for_module(module, module_name, directory, wrong=attribute)
            else:
                hint = did_you_mean(attribute, public_names(found))
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


# What may have been meant.


def hint_for_module(
    module: ModuleType, module_name: str, directory: str, *, wrong: str = ""
) -> str:
    """The error where a module has no app of the given name, or of the usual names."""
    return (
        taken_name(module, module_name, directory)
        or (did_you_mean(wrong, public_names(module)) if wrong else "")
        or named_apps(module, module_name)
        or factory_hint(module, module_name)
        or project_hint(module, module_name)
    )


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
    apps = [name for name, value in vars(module).items() if is_app_instance(value)]
    return f"; it has the app {module_name}:{apps[0]}" if apps else ""


def is_app_instance(value: object) -> bool:
    """Whether it is made to be served, unlike a function, which may only happen to take so many arguments."""
    is_plain = isinstance(value, (type, *FUNCTIONS))
    return not is_plain and len(interfaces_of(value)) == 1 and not router_hint(value)


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
