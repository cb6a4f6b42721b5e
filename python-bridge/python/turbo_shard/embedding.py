"""A server beside other code of its process, in a test or a notebook: `with running(app) as server`."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from .from_script import in_words_for_python
from .loading.app_instances import Instances
from .loading.app_loader import LoadedApp, given_app, load
from .logs.error_stream import open_standard_streams
from .native_module import native_module
from .serving.banner import addresses_of, reachable, url
from .serving.leaving import Ending, leave_with_program
from .serving.log_setup import with_log_config
from .serving.server import bound, serve_instances, shard_count
from .settings import ServeSettings, Settings, SettingsError, settings_from, takes_settings
from .user_code.gil_watch import refuse_gil

# For a server that is one of several things that its process does, and that is soon over. Cores are not its own.
DEFAULTS: dict[str, Any] = {
    "port": 0,
    "shards": 1,
    "pin": False,
    "graceful_timeout": 5.0,
    "log_level": "warn",
}


class RunningServer:
    """A server on threads of its own, from the beginning of a `with` block to its end; `running()` makes it."""

    def __init__(self, app: object, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._native = native_module()
        self._thread: threading.Thread | None = None
        self._started: Future[None] = Future()
        self._ended: Future[None] = Future()
        self._server: Any = None
        self._report: dict[str, Any] = {}
        self._is_cut = False

    # What is known of it.

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens: an address and a port each."""
        addresses: list[tuple[str, int]] = self._report["addresses"]
        return addresses

    @property
    def port(self) -> int:
        return self.addresses[0][1]

    @property
    def url(self) -> str:
        """Such as `http://127.0.0.1:40123`, for clients on this machine."""
        host, port, scheme = addresses_of(self._report)[0]
        return url(reachable(host), port, scheme)

    def stats(self) -> list[dict[str, Any]]:
        """One dict of counters per shard; empty once the server has ended."""
        rows: list[dict[str, Any]] = self._server.stats()
        return rows

    # Its life, in a block of ordinary code.

    def __enter__(self) -> Self:
        self._begin()
        try:
            self._started.result()
        except BaseException:
            # The start has failed, or a Ctrl-C interrupts it.
            self._cut()
            self._wait()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()
        try:
            self._wait()
        except BaseException:
            self._cut()
            self._wait()
            raise
        if error is None:
            self._ended.result()

    # The same in a coroutine, whose loop runs on meanwhile.

    async def __aenter__(self) -> Self:
        self._begin()
        try:
            await done(self._started)
            self._started.result()
        except BaseException:
            await self._cut_and_wait()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()
        try:
            await done(self._ended)
            self._wait()
        except BaseException:
            await self._cut_and_wait()
            raise
        if error is None:
            self._ended.result()

    def _wait(self) -> None:
        """Until nothing of it is left but what the app does not give back."""
        if self._thread is not None:
            self._thread.join()

    def _cut(self) -> None:
        self._is_cut = True
        if self._server is not None:
            self._server.stop_now()

    async def _cut_and_wait(self) -> None:
        """A server has no way to end while nobody waits for it; cutting takes two seconds at most."""
        self._cut()
        while not self._ended.done():
            with suppress(asyncio.CancelledError):
                await done(self._ended)
        self._wait()

    # On the thread that supervises it.

    def _begin(self) -> None:
        if self._thread is not None:
            raise RuntimeError("a server runs once; running() makes another one")
        self._settings = with_log_config(self._settings, self._native)
        loaded = loaded_app(self._app, self._settings, self._native)
        leave_with_program(self._native)
        # A daemon: a program that ends within the block stops the server then, and must get as far as that.
        self._thread = threading.Thread(
            target=self._serve, args=(loaded,), name="turbo-shard", daemon=True
        )
        self._thread.start()

    def _serve(self, loaded: LoadedApp) -> None:
        error: BaseException | None = None
        try:
            with in_words_for_python():
                self._serve_to_the_end(loaded)
        except self._native.LifespanError as failed:
            error = own_error(failed)
        except BaseException as raised:
            error = raised
        if not self._started.done():
            # Nobody waits for the start of a server that was cut before it.
            self._started.set_exception(error or RuntimeError("the server was stopped"))
            error = None
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)

    def _serve_to_the_end(self, loaded: LoadedApp) -> None:
        settings, ending = self._settings, Ending()
        with bound(settings, self._native) as server:
            self._server, self._report = server, server.report()
            if self._is_cut:
                server.stop_now()
            instances = Instances(
                loaded,
                wanted=settings.app_per_shard,
                mode=settings.mode,
                shards=len(self._report["shard_cores"]),
                flag="app_per_shard",
            )
            instances.prepare()

            def on_ready() -> None:
                ending.was_ready = True
                self._started.set_result(None)

            serve_instances(
                server,
                instances,
                native=self._native,
                ending=ending,
                is_first_shard=False,
                handle_signals=False,
                on_ready=on_ready,
            )


@takes_settings(ServeSettings, **DEFAULTS)
def running(app: object, **values: Any) -> RunningServer:
    """Serves `app` while a block runs: `with running(app) as server`, or `async with`.

    The block begins when the app's startup is done and every shard serves, and its end stops the server
    gracefully, however the block ends. Threads of the server's own serve; signals stay the program's. `server.url`
    and `server.port` say where, `server.stats()` what it counts. Any number of servers may run in a process at
    once. `app` and settings are those of `serve()`, with defaults for tests: a free port, one shard that is not
    pinned, five seconds for a stop, and a log from warnings up.

    What the app's startup raises is raised as it is; StartError where the server cannot start, SettingsError for a
    setting that cannot be used, TypeError for an object that is not an app.
    """
    return RunningServer(app, settings_from(vars(ServeSettings(**(DEFAULTS | values)))))


def loaded_app(app: object, settings: Settings, native: Any) -> LoadedApp:
    """What `app` is or names, on the calling thread."""
    open_standard_streams()
    if settings.mode == "process":
        raise SettingsError(
            "mode: process takes processes of its own; running() serves with shard or steal in this one"
        )
    allow_gil = settings.allow_gil or shard_count(settings, native) == 1
    with in_words_for_python():
        if isinstance(app, str):
            return load(app, settings, allow_gil=allow_gil)
        refuse_gil(None, allow_gil=allow_gil)
        return given_app(app, settings)


def own_error(failed: BaseException) -> BaseException:
    """What the app's startup has raised, if it has raised and not only said that it failed."""
    said = failed.__cause__
    raised = said.__cause__ if said is not None else None
    return failed if raised is None else raised


async def done(future: Future[None]) -> None:
    """Waits until a future of another thread is done; a cancellation ends the waiting alone."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def tell(_: Future[None]) -> None:
        # The loop may have been closed in the meantime.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(told.set)

    future.add_done_callback(tell)
    await told.wait()
