"""`turbo-shard --check APP`: loads the app as a server would, and says in one line whether it can be served. Opens no
port, and does not start the app's lifespan.
"""

from __future__ import annotations

import threading
from typing import Any

from ..loading.app_instances import Instances, NoSecondInstance
from ..loading.app_loader import LoadedApp, load
from ..loading.interfaces import IN_WORDS
from ..serving import fallbacks, server
from ..settings import Settings


def check(reference: str, settings: Settings, native: Any) -> str:
    """How the app would be served; raises AppError where it cannot be."""
    shards = server.shard_count(settings, native)
    is_gil_allowed = settings.allow_gil or shards == 1 or settings.mode == "process"
    loaded = load(reference, settings, allow_gil=is_gil_allowed)
    how = instances_in_words(loaded, settings, shards=shards)
    several = "s" * (shards > 1)
    return f"turbo-shard: {loaded.name} ({IN_WORDS[loaded.interface]}) can be served: {shards} shard{several}, {how}"


def instances_in_words(loaded: LoadedApp, settings: Settings, *, shards: int) -> str:
    if settings.mode == "process":
        return "one instance per worker process"
    try:
        instances = Instances(
            loaded, wanted=settings.app_per_shard, mode=settings.mode, shards=shards
        )
        if not instances.is_per_shard or shards == 1:
            return "one instance"
        instances.prepare()
        on_a_thread(lambda: instances.make(1))
    except NoSecondInstance as error:
        fallbacks.check_processes(error, settings)
        return f"one worker process each, since there is {error}"
    return "one instance per shard"


def on_a_thread(call: Any) -> None:
    """As on a shard's thread, which a set of modules belongs to."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
