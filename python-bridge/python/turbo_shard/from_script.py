"""Serving, from a script: `serve(app)` blocks until the server has been stopped."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from .loading.app_instances import NoSecondInstance
from .loading.app_loader import given_app, load
from .logs.error_stream import open_standard_streams
from .native_module import native_module
from .serving.fallbacks import with_processes
from .serving.leaving import Ending, leave_with_interpreter
from .serving.log_setup import with_log_config
from .serving.server import run, shard_count
from .settings import ServeSettings, SettingsError, settings_from, takes_settings
from .user_code.gil_watch import refuse_gil
from .user_code.running import AppError


@takes_settings(ServeSettings)
def serve(app: object, **values: Any) -> None:
    """Serves `app` and returns when SIGINT or SIGTERM has stopped it and exchanges in flight have finished.

    `app` may also be a string such as "shop.web:app", which names it as the command line does; `mode="process"` takes
    nothing else, since its workers import the app themselves. With `factory=True`, `app` is a function that makes the
    app: each shard that wants its own instance gets one. Timeouts are in seconds, sizes in bytes; `turbo-shard --help`
    says what each option means. Call it on the main thread, where signals arrive. Raises SettingsError for a setting
    that cannot be used, TypeError for an object that is not an app, and StartError where the server cannot start.
    """
    open_standard_streams()
    settings = settings_from(vars(ServeSettings(**values)))
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("serve() must be called on the main thread: it is where signals arrive")
    native = native_module()
    settings = with_log_config(settings, native)
    scripts_own = threading.enumerate()
    if settings.mode == "process":
        if not isinstance(app, str):
            raise SettingsError(
                "mode: process imports the app in each of its workers; name it as a string, such as "
                'serve("main:app", mode="process"), or use the command line'
            )
        from .process_mode import supervisor

        with in_words_for_python():
            supervisor.run(app, settings, native=native, ending=Ending())
        return
    is_gil_allowed = settings.allow_gil or shard_count(settings, native) == 1
    try:
        refuse_gil(None, allow_gil=is_gil_allowed)
    except AppError as error:
        raise SettingsError(str(error)) from None
    if isinstance(app, str):
        with in_words_for_python():
            loaded = load(app, settings, allow_gil=is_gil_allowed)
    else:
        loaded = given_app(app, settings)
    ending = Ending()
    try:
        run(loaded, settings, native=native, ending=ending)
    except NoSecondInstance as error:
        why = "" if isinstance(app, str) else "processes import the app: name it as a string"
        try:
            settings = with_processes(error, settings, why=why)
        except AppError as refusal:
            raise SettingsError(str(refusal)) from refusal.__cause__
    finally:
        leave_with_interpreter(ending.seconds_left, native, scripts_own)
    if isinstance(app, str) and settings.mode == "process":
        from .process_mode import supervisor

        with in_words_for_python():
            supervisor.run(app, settings, native=native, ending=ending)


@contextlib.contextmanager
def in_words_for_python() -> Iterator[None]:
    """Errors of the user's code go to the user; all others are about what was given."""
    try:
        yield
    except AppError as error:
        raise error.__cause__ or SettingsError(str(error)) from None
