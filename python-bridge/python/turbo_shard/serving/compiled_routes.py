"""What the start says of a FastAPI app: how many of its routes are compiled, or why it is served by FastAPI alone.

Knows nothing of how routes are compiled.
"""

from __future__ import annotations

import sys

from ..loading.app_loader import LoadedApp
from ..settings import Settings
from . import banner


def tell(loaded: LoadedApp, settings: Settings) -> None:
    """One line, when the app has started; nothing of apps without FastAPI, or where nothing was to be compiled."""
    if settings.fastapi == "asgi" or loaded.interface != "asgi" or "fastapi" not in sys.modules:
        return
    from ..compile.fastapi.tally import tally

    found = tally(loaded.instance)
    if found is None:
        return
    if found.why_not:
        banner.tell_note(f"fastapi: served as ASGI: {found.why_not}")
        return
    counted = f"{found.compiled} of {found.routes} routes"
    if settings.fastapi == "verify":
        text = (
            f"{counted} are compared with FastAPI, whose answers count; their endpoints run twice"
        )
    else:
        text = f"{counted} compiled"
    banner.tell_note(f"fastapi: {text}{command_for(loaded, settings)}")


def command_for(loaded: LoadedApp, settings: Settings) -> str:
    """` (turbo-shard routes main:app)`; an app that a script has given has no name to ask for."""
    if ":" not in loaded.name:
        return ""
    options = " --factory" if settings.factory else ""
    return f" (turbo-shard routes {loaded.name}{options})"
