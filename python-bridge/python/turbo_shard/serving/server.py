"""Serves a loaded app until the server has been stopped. `serve()` and the command line end here."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any

from ..loading.app_instances import Instances, NoSecondInstance
from ..loading.app_loader import LoadedApp
from ..loading.interfaces import IN_WORDS
from ..metrics.gc_pauses import GcPauses
from ..settings import Settings
from . import banner, channel_layers, compiled_routes, sessions, stop_flag
from .bound import Bound
from .leaving import Ending
from .service_manager import Manager, late_shards


def shard_count(settings: Settings, native: Any) -> int:
    count: int = settings.shards or native.allowed_cores()["default_shards"]
    return count


def run(
    loaded: LoadedApp,
    settings: Settings,
    *,
    native: Any,
    ending: Ending,
    is_own_process: bool = False,
    sockets: Bound | None = None,
) -> None:
    """Serves until it is stopped; how it ended is in `ending`, also where it raises.

    `is_own_process`: neither this thread nor the process is needed afterwards. `sockets` are bound already.
    """
    sockets = sockets or Bound(settings, native)
    try:
        with bound(settings, native, sockets.server) as server:
            run_bound(
                server,
                loaded,
                settings,
                native=native,
                ending=ending,
                is_own_process=is_own_process,
                manager=sockets.manager,
            )
    finally:
        sockets.close()


@contextlib.contextmanager
def bound(settings: Settings, native: Any, server: Any = None) -> Iterator[Any]:
    """A server whose sockets are bound, or are now, and what reads its counters for as long as it is needed."""
    stats_socket = None
    if settings.stats_socket is not None:
        from ..metrics.unix_socket import StatsSocket

        stats_socket = StatsSocket(settings.stats_socket)
    try:
        with GcPauses() as pauses:
            if server is None:
                server = native.NativeServer(settings)
            pauses.tell = server.note_collection
            if stats_socket is not None:
                from ..metrics.answer import Reader

                stats_socket.start(Reader(server, pauses).answer)
            yield server
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
    manager: Manager,
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
        compiled_routes.tell(loaded, settings)
        # Imported objects stay: the collector, which stops every shard, need not look at them again and again.
        gc.freeze()
        banner.show_ready(report)
        manager.ready(report, lambda seconds: late_shards(server, seconds))

    try:
        # SIGINT and SIGTERM are the native server's while it runs; their former handlers are back afterwards.
        with stop_flag.offered(is_stopping):
            serve_instances(
                server,
                instances,
                native=native,
                ending=ending,
                # It has imported the app, which one shard is served faster for. With several, what this thread counts
                # without atomics and the others with them lies in the same cache lines.
                is_first_shard=is_own_process and not is_several,
                handle_signals=True,
                on_ready=on_ready,
            )
    finally:
        slow.cancel()
        gc.unfreeze()


def serve_instances(
    server: Any,
    instances: Instances,
    *,
    native: Any,
    ending: Ending,
    is_first_shard: bool,
    handle_signals: bool,
    on_ready: Callable[[], None],
) -> None:
    """Serves until the server has been stopped. `on_ready` notes in `ending` that it serves."""
    loaded = instances.loaded
    try:
        ending.seconds_left = server.run(
            loaded.instance,
            interface="native" if loaded.interface == "turboapi" else loaded.interface,
            app_of_shard=instances.of_shard if instances.is_per_shard else None,
            side_by_side=instances.is_side_by_side,
            is_first_shard=is_first_shard,
            handle_signals=handle_signals,
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
        ending.signal = server.stopped_by()
