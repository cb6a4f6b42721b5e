"""Django Channels' layers, one of each for every event loop. All shards share Django itself.

A layer is made for one loop: in memory it resolves a future of the loop that waits for a message, over Redis it refuses
a second loop that receives (the client sees code 1011). Worker processes have one each too.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

# Where a loop keeps its layers, by alias: they end with it.
PLACE = "_turbo_shard_channel_layers"


def follow_loops() -> None:
    """For a process with several event loops whose app has been imported. Without Channels it does nothing."""
    # A module of the user's may have that name too.
    if not hasattr(sys.modules.get("channels"), "DEFAULT_CHANNEL_LAYER"):
        return
    layers = importlib.import_module("channels.layers")
    manager: Any = getattr(layers, "channel_layers", None)
    # If Channels is not as this module knows it, the layers are shared, as without us.
    if "backends" in getattr(manager, "__dict__", ()):
        type(manager).backends = OfLoop(manager)


class OfLoop:
    """The layers that were made so far. Takes the place of the manager class's own attribute."""

    def __init__(self, manager: Any) -> None:
        # For code without a loop. A layer made at import belongs to no loop, and must not become one loop's by chance.
        self.of_nobody: dict[str, Any] = dict(vars(manager).pop("backends", {}))

    def __get__(self, manager: object, kind: type) -> Any:
        loop = loop_here()
        return self.of_nobody if loop is None else vars(loop).setdefault(PLACE, {})

    def __set__(self, manager: object, layers: dict[str, Any]) -> None:
        loop = loop_here()
        if loop is None:
            self.of_nobody = layers
        else:
            vars(loop)[PLACE] = layers


def loop_here() -> asyncio.AbstractEventLoop | None:
    """The running loop; on a thread that works for one, as a view does, the loop that waits for it."""
    # Every server imports this module, and asyncio takes as long as all the rest of it.
    from asyncio import get_running_loop

    try:
        return get_running_loop()
    except RuntimeError:
        sync: Any = importlib.import_module("asgiref.sync")
        loop: asyncio.AbstractEventLoop | None
        loop = getattr(sync.SyncToAsync.threadlocal, "main_event_loop", None)
        return loop
