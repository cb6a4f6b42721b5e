"""Decides whether each shard has an instance of the app of its own, and hands them out. Knows nothing of importing."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
from collections.abc import Iterator

from ..logs.error_stream import write_line
from ..user_code.gil_watch import GilOn
from ..user_code.running import AppError
from .app_loader import LoadedApp
from .fresh_import import Another

# Imports that take longer run side by side; others would gain nothing.
SIDE_BY_SIDE_S = 1.0
# After this time a line says what we wait for.
PROGRESS_S = 2.0


class NoSecondInstance(AppError):
    """There can be only one instance of the app in this process."""


class Turns:
    """Imports take turns: one alone, or several side by side while none wants to be alone."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.side_by_side = 0
        self.is_taken = False

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        with self.changed:
            self.changed.wait_for(lambda: not self.is_taken and not self.side_by_side)
            self.is_taken = True
        try:
            yield
        finally:
            with self.changed:
                self.is_taken = False
                self.changed.notify_all()

    @contextlib.contextmanager
    def beside_others(self) -> Iterator[None]:
        with self.changed:
            self.changed.wait_for(lambda: not self.is_taken)
            self.side_by_side += 1
        try:
            yield
        finally:
            with self.changed:
                self.side_by_side -= 1
                self.changed.notify_all()


class Instances:
    """The instances of one app: one that all shards share, or one for each shard, made when it starts."""

    def __init__(
        self,
        loaded: LoadedApp,
        *,
        wanted: str,
        mode: str = "shard",
        shards: int = 2,
        flag: str = "--app-per-shard",
    ) -> None:
        self.loaded = loaded
        self.another: Another | None = None
        # Why there is only one, although each loop might want its own.
        self.why_shared = ""
        self.failure: AppError | None = None
        # How many have been handed out: the app's own start is that of the last one.
        self.count = 0
        self.turns = Turns()
        self.seen: set[int] = set()
        self.shards = shards
        self.mode = mode
        if shards == 1 and loaded.another is None:
            return
        if wanted == "never" or (wanted == "auto" and loaded.interface != "asgi"):
            return
        why = loaded.why_one
        if mode == "steal" and loaded.interface != "asgi":
            why = f"in mode steal any thread may take any request of a {loaded.interface} app"
        if why and wanted == "always":
            all_of_them = "all threads" if mode == "steal" else "all shards"
            raise AppError(f"{flag} always: {why}, so {all_of_them} share one instance")
        if why and not loaded.is_shareable:
            raise NoSecondInstance(f"one instance of {loaded.name} only: {why}")
        self.another, self.why_shared = None if why else loaded.another, why

    @property
    def is_per_shard(self) -> bool:
        return self.another is not None

    @property
    def is_side_by_side(self) -> bool:
        """Whether the shards after the first two may ask at the same time. Ask after `prepare`."""
        return (
            self.another is not None
            and self.mode == "shard"
            and self.another.may_be_side_by_side
            and self.loaded.import_s >= SIDE_BY_SIDE_S
        )

    def prepare(self) -> None:
        """Call before the shards start."""
        if self.another is not None and self.shards > 1:
            self.another.prepare()

    def of_shard(self, index: int) -> object:
        """The instance for this shard, which calls from its own thread; a new one when the shard restarts.

        The native side raises KeyboardInterrupt in it when a stop cannot wait any longer.
        """
        is_new_start = index in self.seen
        self.seen.add(index)
        self.count += 1
        if index == 0 and not is_new_start:
            return self.loaded.instance
        if not is_new_start:
            self.say_progress(index)
        if index > 1 and not is_new_start and self.is_side_by_side:
            try:
                with self.turns.beside_others():
                    return self.make(index, side_by_side=True)
            except AppError:
                # It may fail because of the others beside it. Alone, it fails for its own reason.
                pass
        with self.turns.alone():
            try:
                instance = self.make(index)
            except AppError as error:
                self.failure = error
                raise
            if is_new_start:
                let_go_of_the_dead()
            return instance

    def say_progress(self, index: int) -> None:
        """What takes so long, where it does."""
        if self.loaded.import_s < PROGRESS_S:
            return
        beside = " beside others" if index > 1 and self.is_side_by_side and self.shards > 3 else ""
        write_line(
            sys.stderr,
            f"turbo-shard: importing {self.loaded.name} for shard {index} of 0 to {self.shards - 1}{beside}; "
            f"the first import took {self.loaded.import_s:.1f} s",
        )

    def make(self, index: int, *, side_by_side: bool = False) -> object:
        if self.another is None:
            return self.loaded.instance
        try:
            instance = self.another.attempt(side_by_side=True) if side_by_side else self.another()
        except AppError as error:
            words = f"no instance of {self.loaded.name} for shard {index}: {error}"
            if isinstance(error, GilOn):
                raise AppError(words, error.report) from error
            raise NoSecondInstance(words, error.report) from error
        if instance is self.loaded.instance:
            write_line(
                sys.stderr,
                f"turbo-shard: warning: shard {index} shares the instance of shard 0: "
                f"{self.loaded.name} is the same object each time",
            )
        return instance


def let_go_of_the_dead() -> None:
    """Objects from before the server became ready are frozen, that is, never collected; so is what a dead shard
    left."""
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
        gc.freeze()
