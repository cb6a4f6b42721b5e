"""Whether this Python runs with its GIL on, and what switched it on. Knows nothing of apps or of serving."""

from __future__ import annotations

import importlib.machinery
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, Self

from .running import AppError


def is_free_threaded() -> bool:
    """Whether this Python was built without a GIL; the GIL may have been switched on all the same."""
    return "t" in sys.abiflags


def is_gil_on() -> bool:
    probe: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    return True if probe is None else probe()


class GilOn(AppError):
    """A free-threaded Python runs with its GIL on, so shards would run Python one at a time."""


class GilWatch:
    """Notices which extension module switches the GIL on while the app is imported.

    Python says so only in a warning, which the app may have silenced; so this watches the loader of extension modules.
    """

    def __init__(self) -> None:
        self.culprit: str | None = None
        self.restore: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        if is_gil_on():
            return self
        loader: Any = importlib.machinery.ExtensionFileLoader
        create_module = loader.create_module

        def watched(self_: object, spec: importlib.machinery.ModuleSpec) -> ModuleType:
            if is_gil_on():
                return create_module(self_, spec)  # type: ignore[no-any-return]
            with warnings.catch_warnings():
                # Python's own words about it: our one line says the same and what to do.
                warnings.filterwarnings("ignore", "The global interpreter lock", RuntimeWarning)
                module: ModuleType = create_module(self_, spec)
            if is_gil_on() and self.culprit is None:
                self.culprit = spec.name
            return module

        loader.create_module = watched
        self.restore = lambda: setattr(loader, "create_module", create_module)
        return self

    def __exit__(self, *exception: object) -> None:
        self.restore()


def refuse_gil(culprit: str | None, *, allow_gil: bool) -> None:
    """Raises where a free-threaded Python runs with its GIL on after all, unless that is allowed."""
    if allow_gil or not is_free_threaded() or not is_gil_on():
        return
    if culprit is not None:
        reason = f"the extension module {culprit!r} switched the GIL on"
        help_text = "use a version of it that supports free threading"
    else:
        reason = (
            "the GIL is on (PYTHON_GIL=1, -X gil=1, or an extension module imported before the app)"
        )
        help_text = "start without that"
    raise GilOn(
        f"{reason}, so that shards would run Python one at a time; {help_text}, or say --mode process (a GIL for each "
        "worker), --shards 1, or --allow-gil"
    )
