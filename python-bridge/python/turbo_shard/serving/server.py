"""Serving, from Python: `serve(app)` blocks until the server has been stopped. The command line ends here too."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator
from typing import Any

from ..loading.app_instances import Instances
from ..loading.app_loader import LoadedApp, given_app, load
from ..loading.gil_watch import refuse_gil
from ..loading.interfaces import IN_WORDS
from ..loading.user_code import AppError
from ..logs.error_stream import open_standard_streams
from ..metrics.gc_pauses import GcPauses
from ..native_module import native_module
from ..settings import ServeSettings, Settings, SettingsError, settings_from, takes_settings
from . import banner, channel_layers, sessions, stop_flag
from .fallbacks import NoSecondInstance, with_processes
from .leaving import Ending, leave_with_interpreter


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
    scripts_own = threading.enumerate()
    if settings.mode == "process":
        if not isinstance(app, str):
            raise SettingsError(
                "mode: process imports the app in each of its workers; name it as a string, such as "
                'serve("main:app", mode="process"), or use the command line'
            )
        from ..process_mode import supervisor

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
        from ..process_mode import supervisor

        with in_words_for_python():
            supervisor.run(app, settings, native=native, ending=ending)


def shard_count(settings: Settings, native: Any) -> int:
    count: int = settings.shards or native.allowed_cores()["default_shards"]
    return count


@contextlib.contextmanager
def in_words_for_python() -> Iterator[None]:
    """Errors of the user's code go to the user; all others are about what was given."""
    try:
        yield
    except AppError as error:
        raise error.__cause__ or SettingsError(str(error)) from None


def run(
    loaded: LoadedApp,
    settings: Settings,
    *,
    native: Any,
    ending: Ending,
    is_own_process: bool = False,
) -> None:
    """Serves until it is stopped; how it ended is in `ending`, also where it raises.

    `is_own_process`: neither this thread nor the process is needed afterwards.
    """
    stats_socket = None
    if settings.stats_socket is not None:
        from ..metrics.unix_socket import StatsSocket

        stats_socket = StatsSocket(settings.stats_socket)
    try:
        with GcPauses() as pauses:
            server = native.NativeServer(settings)
            if stats_socket is not None:
                from ..metrics.answer import Reader

                stats_socket.start(Reader(server, pauses).answer)
            run_bound(
                server,
                loaded,
                settings,
                native=native,
                ending=ending,
                is_own_process=is_own_process,
            )
    finally:
        if stats_socket is not None:
            stats_socket.close()


def run_bound(
    server: Any,
    loaded: LoadedApp,
    settings: Settings,
    *,
    native: Any,
    ending: Ending,
    is_own_process: bool,
) -> None:
    """Serves on sockets that are bound."""
    report = server.report()

    def is_stopping() -> bool:
        return server.stopped_by() is not None

    instances = Instances(
        loaded,
        wanted=settings.app_per_shard,
        mode=settings.mode,
        shards=len(report["shard_cores"]),
    )
    shown = banner.app_line(
        loaded.name,
        IN_WORDS[loaded.interface],
        is_per_shard=instances.is_per_shard,
        why_shared=instances.why_shared,
        mode=report["mode"],
        shards=len(report["shard_cores"]),
    )
    instances.prepare()
    is_several = len(report["shard_cores"]) > 1
    if is_several:
        channel_layers.follow_loops()
    # Only the other shards' starts show whether each gets an instance; if not, the workers' supervisor says what
    # serves.
    is_decided = not (instances.is_per_shard and is_several)
    slow = banner.said_if_slow(
        "" if is_decided else f"{loaded.name} starts on {len(report['shard_cores'])} shards",
        is_stopping=is_stopping,
    )

    def say_who_serves() -> None:
        state = "" if is_decided else banner.OWN_VARIABLES
        banner.show(report, app=shown, state=state, version=native.__version__)
        if is_several:
            sessions.say(settings)

    if is_decided:
        say_who_serves()

    def on_ready() -> None:
        ending.was_ready = True
        slow.cancel()
        if not is_decided:
            say_who_serves()
        # Imported objects stay: the collector, which stops every shard, need not look at them again and again.
        gc.freeze()
        banner.show_ready(report)

    try:
        # SIGINT and SIGTERM are the native server's while it runs; their former handlers are back afterwards.
        with stop_flag.offered(is_stopping):
            ending.seconds_left = server.run(
                loaded.instance,
                interface="native" if loaded.interface == "turboapi" else loaded.interface,
                app_of_shard=instances.of_shard if instances.is_per_shard else None,
                side_by_side=instances.is_side_by_side,
                # It has imported the app, which one shard is served faster for. With several, what this thread counts
                # without atomics and the others with them lies in the same cache lines.
                is_first_shard=is_own_process and not is_several,
                handle_signals=True,
                on_ready=on_ready,
            )
    except native.StartError as error:
        if instances.failure is not None and not ending.was_ready:
            raise instances.failure from instances.failure.__cause__
        if instances.is_per_shard and instances.count > 1 and not ending.was_ready:
            # The first instance has started, and another does not.
            raise NoSecondInstance(f"no second start of {loaded.name}: {error}") from error
        raise
    finally:
        slow.cancel()
        ending.signal = server.stopped_by()
        gc.unfreeze()
