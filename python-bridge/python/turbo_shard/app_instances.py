"""Decides whether each shard has an instance of the app of its own, and hands them out. Knows nothing of importing."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable

from .app_loader import LoadedApp
from .banner import write
from .fallbacks import NoSecondInstance
from .fresh_import import Another
from .gil_watch import GilOn
from .user_code import AppError


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
        self.another: Callable[[], object] | None = None
        # Why there is one although each loop might want its own.
        self.why_shared = ""
        self.failure: AppError | None = None
        # How many have been handed out: the app's own start is that of the last one.
        self.count = 0
        self.turn = threading.Lock()
        self.seen: set[int] = set()
        self.shards = shards
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

    def prepare(self) -> None:
        """To be called before the shards start."""
        if isinstance(self.another, Another) and self.shards > 1:
            self.another.prepare()

    def of_shard(self, index: int) -> object:
        """The instance for this shard, which calls from its own thread; a new one when the shard starts anew."""
        # One after another: what the user's modules do when they are imported was written for one thread.
        with self.turn:
            is_new_start = index in self.seen
            self.seen.add(index)
            self.count += 1
            if index == 0 and not is_new_start:
                return self.loaded.instance
            try:
                instance = self.make(index)
            except AppError as error:
                self.failure = error
                raise
            if is_new_start:
                let_go_of_the_dead()
            return instance

    def make(self, index: int) -> object:
        if self.another is None:
            return self.loaded.instance
        try:
            instance = self.another()
        except AppError as error:
            words = f"no instance of {self.loaded.name} for shard {index}: {error}"
            if isinstance(error, GilOn):
                raise AppError(words, error.report) from error
            raise NoSecondInstance(words, error.report) from error
        if instance is self.loaded.instance:
            write(
                sys.stderr,
                f"turbo-shard: warning: shard {index} shares the instance of shard 0: "
                f"{self.loaded.name} is the same object each time",
            )
        return instance


def let_go_of_the_dead() -> None:
    """What was there when the server became ready is frozen, that is, never collected; so is what a dead shard left."""
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
        gc.freeze()
