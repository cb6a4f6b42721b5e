"""A lock per module and set of modules: several sets can be imported at the same time.

importlib locks by a module's name while it is imported: the first set that imports `app` would hold up all others until
everything below is imported. Knows one function of importlib's; where that is missing, imports wait for each other.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..user_code.gil_watch import is_gil_on

if TYPE_CHECKING:
    from .shard_modules import ShardModules

NAME = "_get_module_lock"


def is_safe() -> bool:
    """Whether Python itself keeps importing threads apart.

    Frameworks silence warnings while they make their models. Until 3.14 `warnings.catch_warnings` changes the filters
    of the whole process: two threads that do so leave each other's behind.
    """
    return not is_gil_on() and bool(getattr(sys.flags, "context_aware_warnings", False))


def lock_by_set(modules: ShardModules) -> bool:
    """Whether sets can be imported at the same time from now on.

    Only for a module that has been the user's own before is it certain that no other set imports the very same one. Any
    other is locked by its name for all, as always.
    """
    from .shard_modules import key_of

    bootstrap: Any = importlib._bootstrap
    by_name: Callable[[str], object] | None = getattr(bootstrap, NAME, None)
    if by_name is None:
        return False

    def by_set(name: str) -> object:
        known = str(name)
        return by_name(key_of(known, modules.current()) if known in modules.known else name)

    setattr(bootstrap, NAME, by_set)
    return True
