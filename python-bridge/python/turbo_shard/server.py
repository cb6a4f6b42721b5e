"""Serving, from Python: `serve(app)` blocks until the server has been stopped. The command line ends here too."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

from . import banner
from .app_loader import AppError, refusal, refuse_gil
from .native import native_module
from .settings import Settings, SettingsError, settings_from

if TYPE_CHECKING:
    from .app import App


def serve(
    app: App,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    shards: int | None = None,
    mode: str = "shard",
    engine: str = "auto",
    pin: bool = True,
    backlog: int = 1024,
    connections_max: int = 16_384,
    graceful_timeout: float = 30.0,
    keep_alive_timeout: float = 75.0,
    head_timeout: float = 10.0,
    body_timeout: float = 30.0,
    write_timeout: float = 30.0,
    body_max: int = 16 * 1024**2,
    blocking_threads: int = 8,
    blocking_queue_max: int = 1024,
    log_level: str = "info",
    allow_gil: bool = False,
) -> None:
    """Serves `app` and returns when SIGINT or SIGTERM has stopped it and exchanges in flight have finished.

    Timeouts are in seconds, sizes in bytes; `turbo-shard --help` says what each option means. To be called on the main
    thread, which is where signals arrive. Raises SettingsError for a setting that cannot be used and StartError where
    the server cannot start.
    """
    settings = settings_from(
        {
            "host": host,
            "port": port,
            "shards": shards,
            "mode": mode,
            "engine": engine,
            "pin": pin,
            "backlog": backlog,
            "connections_max": connections_max,
            "graceful_timeout": graceful_timeout,
            "keep_alive_timeout": keep_alive_timeout,
            "head_timeout": head_timeout,
            "body_timeout": body_timeout,
            "write_timeout": write_timeout,
            "body_max": body_max,
            "blocking_threads": blocking_threads,
            "blocking_queue_max": blocking_queue_max,
            "log_level": log_level,
        }
    )
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("serve() must be called on the main thread: it is where signals arrive")

    from .app import App

    if not isinstance(app, App):
        raise TypeError(refusal(app, "the app", from_factory=False))
    try:
        refuse_gil(None, allow_gil=allow_gil)
    except AppError as error:
        raise SettingsError(str(error)) from None
    run(app, settings, native=native_module())


def run(app: App, settings: Settings, *, native: Any, app_name: str = "") -> bool:
    """Serves until it is stopped; returns whether every shard ever served."""
    server = native.NativeServer(**settings._asdict())
    report = server.report()
    banner.show(report, app_name=app_name, version=native.__version__)
    is_ready = False

    def on_ready() -> None:
        nonlocal is_ready
        is_ready = True
        # What has been imported stays: the collector, which stops every shard, need not look at it again and again.
        gc.freeze()
        banner.show_ready(report)

    try:
        # SIGINT and SIGTERM are the native server's while it runs; whoever had them before has them again after it.
        server.run(app, handle_signals=True, on_ready=on_ready)
    finally:
        gc.unfreeze()
    return is_ready
