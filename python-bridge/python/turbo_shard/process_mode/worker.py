"""A worker of `--mode process`: imports the app and serves it with one shard, on the main thread.

Errors go to the supervisor, which reports them once for all workers.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

from ..logs.error_stream import open_standard_streams
from ..serving.leaving import Ending, leave
from .messages import (
    APP_FAILED,
    DIED,
    LIFESPAN_FAILED,
    LOADED,
    NOTE,
    PACKET_BYTES_MAX,
    READY,
    START_FAILED,
    TURNS,
    News,
    Order,
)

EXIT_DIED = 1
EXIT_CANNOT_START = 2
EXIT_INTERRUPTED = 130


def main(link_fd: int) -> int:
    """Serves until the supervisor, or SIGTERM, stops this worker; returns the exit status."""
    open_standard_streams()
    order = Order.read(os.read(link_fd, PACKET_BYTES_MAX))
    # The app finds what it would find in one process.
    sys.path[:] = order.path
    sys.argv[:] = order.argv

    from ..native_module import native_module

    native = native_module()
    link = native.WorkerLink(link_fd)
    ending = Ending()

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        # Ctrl-C reaches every process of a terminal; the supervisor decides which of them ends, and how.
        if ending.was_ready:
            ending.is_hurried = True
        elif link.is_stop_asked():
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, on_interrupt)
    native.disarm_signal(signal.SIGUSR1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGUSR1])
    try:
        status = serve(order, native, link, ending)
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    return leave(status, 0.0 if ending.is_hurried else ending.seconds_left, native)


def serve(order: Order, native: Any, link: Any, ending: Ending) -> int:
    import gc

    from ..loading import app_loader
    from ..loading.interfaces import IN_WORDS
    from ..serving import banner, compiled_routes, stop_flag
    from ..serving.log_setup import with_log_config
    from ..settings import Settings, SettingsError
    from ..user_code.running import AppError

    settings = Settings(**order.settings)

    def on_ready() -> None:
        ending.was_ready = True
        gc.freeze()
        # Before the supervisor announces the server.
        compiled_routes.tell(loaded, settings)
        link.tell(News(READY).packet())
        if order.watchdog_s:
            from .signs_of_life import tell_turns

            tell_turns(server, order.watchdog_s, lambda: link.tell(News(TURNS).packet()))

    def tell_failure(event: str, error: Exception, report: str = "") -> int:
        link.tell(News(event, str(error), report).packet())
        return EXIT_CANNOT_START

    banner.tell_note = lambda text: link.tell(News(NOTE, text).packet())
    ends = ExitStack()
    try:
        settings = with_log_config(settings, native)
        # Each worker has a GIL of its own, if it has one.
        loaded = app_loader.load(order.reference, settings, allow_gil=True)
        server = native.NativeServer(
            settings,
            inherits=(
                *(order.listeners, order.worker, order.core),
                *(order.restarts, order.tls_fd),
            ),
            is_watched=order.watchdog_s > 0,
        )
        if settings.stats_socket is not None or settings.metrics is not None:
            ends.enter_context(counting(settings.stats_socket, server))

        def is_stopping() -> bool:
            # By the supervisor, or by a signal to this worker alone.
            return link.is_stop_asked() or server.stopped_by() is not None

        link.tell(
            News(LOADED, loaded.name, "", IN_WORDS[loaded.interface], banner.python_line()).packet()
        )
        with stop_flag.offered(is_stopping):
            ending.seconds_left = server.run(
                loaded.instance,
                interface="native" if loaded.interface == "turboapi" else loaded.interface,
                handle_signals=True,
                on_ready=on_ready,
                link=link,
            )
    except AppError as error:
        return tell_failure(APP_FAILED, error, error.report)
    except native.LifespanError as error:
        return tell_failure(LIFESPAN_FAILED, error)
    except SettingsError as error:
        # The file of --log-config is not what it was when the server started.
        return tell_failure(START_FAILED, error)
    except native.StartError as error:
        if not ending.was_ready:
            return tell_failure(START_FAILED, error)
        link.tell(News(DIED, str(error)).packet())
        return EXIT_DIED
    finally:
        ends.close()
        gc.unfreeze()
    return 0 if ending.was_ready else EXIT_INTERRUPTED


@contextmanager
def counting(path: str | None, server: Any) -> Iterator[None]:
    """Counts collections. The supervisor asks at `path`, on behalf of clients of the server's stats socket."""
    from ..metrics.answer import Reader
    from ..metrics.gc_pauses import GcPauses
    from ..metrics.unix_socket import StatsSocket

    with GcPauses() as pauses:
        pauses.tell = server.note_collection
        socket = StatsSocket(path) if path is not None else None
        try:
            if socket is not None:
                socket.start(Reader(server, pauses).answer)
            yield
        finally:
            if socket is not None:
                socket.close()
