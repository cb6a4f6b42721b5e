"""Log handlers and filters of one logger, separate for each set of modules: as in a process of its own, a record is
written once, by what the shard's own code has added.

The process has one `logging` and one of each logger. Only their lists of handlers and filters are looked up by set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .shard_modules import ModuleSet, ShardModules


def follow(modules: ShardModules) -> None:
    if isinstance(vars(logging.Logger).get("handlers"), OfSet):
        return
    for name in ("handlers", "filters"):
        setattr(logging.Logger, name, OfSet(name, modules))
    modules.when_completed.append(forget_untouched)
    modules.after_import["logging.config"] = lambda module: follow_config(module, modules)


class OfSet:
    """A list of each logger, one per set. On the class, it takes the place of the instances' own attribute.

    A set that is complete and has added nothing to a logger has the list from before there were sets: that comes from
    shared modules, and from code that ran once, before the app.
    """

    def __init__(self, name: str, modules: ShardModules) -> None:
        self.name = name
        self.modules = modules
        self.at_first: dict[logging.Logger, tuple[Any, ...]] = {
            logger: tuple(vars(logger)[name]) for logger in all_loggers()
        }

    def __get__(self, logger: logging.Logger | None, kind: type) -> Any:
        if logger is None:
            return self
        owner = self.modules.here.owner or self.modules.current()
        # Without `get` and `setdefault`, for the same reasons as in `ShardModules.current`.
        if owner is self.modules.first:
            own: dict[str, Any] = vars(logger)
            return own[self.name] if self.name in own else own.setdefault(self.name, [])
        lists, key = owner.lists, (logger, self.name)
        if key in lists:
            return lists[key]
        start = self.at_first.get(logger, ()) if owner.is_complete else ()
        return lists.setdefault(key, list(start))

    def __set__(self, logger: logging.Logger, value: list[Any]) -> None:
        owner = self.modules.here.owner or self.modules.current()
        if owner is self.modules.first:
            vars(logger)[self.name] = value
        else:
            owner.lists[logger, self.name] = value


def all_loggers() -> list[logging.Logger]:
    known = list(logging.root.manager.loggerDict.values())
    return [logging.root, *(logger for logger in known if isinstance(logger, logging.Logger))]


def forget_untouched(owner: ModuleSet) -> None:
    """A list that the set's import has not added to is as it was before there were sets."""
    for key, found in list(owner.lists.items()):
        if not found:
            del owner.lists[key]


def follow_config(config: ModuleType, modules: ShardModules) -> None:
    """dictConfig and fileConfig close and disable what was there before, but only of their own set."""

    def is_first() -> bool:
        return (modules.here.owner or modules.current()) is modules.first

    if not hasattr(config, "_handle_existing_loggers"):
        return
    handle_existing: Callable[..., None] = config._handle_existing_loggers

    def clear_own_handlers() -> None:
        owner = modules.here.owner or modules.current()
        kept = {id(handler) for handler in handlers_of_others(owner, modules)}
        known = logging._handlerList  # type: ignore[attr-defined]
        mine = [reference for reference in known if id(reference()) not in kept]
        logging.shutdown(mine)
        known[:] = [reference for reference in known if reference not in mine]

    def handle_own(existing: list[str], child_loggers: list[str], disable_existing: bool) -> None:
        if not is_first():
            # The first set has disabled what its configuration does not name, and has made loggers since.
            existing = [name for name in existing if name in child_loggers]
        handle_existing(existing, child_loggers, disable_existing)

    config._clearExistingHandlers = clear_own_handlers  # type: ignore[attr-defined]
    config._handle_existing_loggers = handle_own  # type: ignore[attr-defined]


def handlers_of_others(owner: ModuleSet, modules: ShardModules) -> list[logging.Handler]:
    found: list[logging.Handler] = []
    if owner is not modules.first:
        for logger in all_loggers():
            found += vars(logger).get("handlers", ())
    for other in list(modules.sets_alive):
        if other is not owner:
            for (_, name), values in list(other.lists.items()):
                found += values if name == "handlers" else ()
    return found
