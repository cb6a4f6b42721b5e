"""prometheus_client under several sets of modules: a metric that a second set registers is the one that the first has
registered. Every shard counts into it, and `/metrics` shows totals, whichever shard answers.

Without this the second registration would be refused as a duplicate. One set's own duplicate still is.
"""

from __future__ import annotations

import threading
import weakref
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .shard_modules import ModuleSet, ShardModules

MODULE = "prometheus_client.registry"
# Under this name a registry keeps which sets have registered each of its collectors.
BOOK = "_turbo_shard_book"


class Book:
    """One registry's record of which set registered what. Read and written under `turn`."""

    def __init__(self) -> None:
        self.owners: dict[Any, weakref.WeakSet[ModuleSet]] = {}
        self.twins: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def follow(module: ModuleType, modules: ShardModules) -> None:
    """Makes the registries of this module ask which set registers."""
    registry: Any = getattr(module, "CollectorRegistry", None)
    if hasattr(registry, "register_once") or not is_as_known(registry):
        return
    turn = threading.RLock()
    register, unregister = registry.register, registry.unregister

    def book_of(self: Any) -> Book:
        book: Book | None = vars(self).get(BOOK)
        if book is None:
            book = vars(self)[BOOK] = Book()
        # Metrics registered before there were sets are the first one's.
        for collector in self._collector_to_names:
            book.owners.setdefault(collector, weakref.WeakSet([modules.first]))
        return book

    def register_for_set(self: Any, collector: Any) -> None:
        owner = modules.current()
        with turn:
            book = book_of(self)
            names = set(self._get_names(collector))
            original = registered_by_others(self, book, collector, names, owner)
            if original is None:
                register(self, collector)
                book.owners[collector] = weakref.WeakSet([owner])
                return
            book.owners[original].add(owner)
            book.twins[collector] = original
            if names:
                become_twin(collector, original)

    def unregister_for_set(self: Any, collector: Any) -> None:
        owner = modules.current()
        with turn:
            book = book_of(self)
            collector = book.twins.pop(collector, collector)
            if collector not in self._collector_to_names and owner is not modules.first:
                # The first set has removed it already, as this one wants.
                return
            owners = book.owners.get(collector)
            if owners is not None:
                owners.discard(owner)
                if owners:
                    return
                del book.owners[collector]
            unregister(self, collector)

    registry.register, registry.unregister = register_for_set, unregister_for_set
    registry.register_once = register
    modules.when_completed.append(lambda owner: pair_registries(owner, modules, registry, turn))


def is_as_known(registry: Any) -> bool:
    """Whether it keeps what this module looks at. If not, a second registration is refused, as without us."""
    if not callable(getattr(registry, "_get_names", None)):
        return False
    kept: dict[str, object] = vars(registry())
    return kept.keys() >= {"_collector_to_names", "_names_to_collectors"}


def registered_by_others(
    registry: Any, book: Book, collector: Any, names: set[str], owner: ModuleSet
) -> Any:
    """The collector that is the same for another set, if this set has not registered it yet."""
    if names:
        known = {
            id(found): found
            for name in names
            if (found := registry._names_to_collectors.get(name)) is not None
        }
    else:
        # Without names nothing is refused, and everything would be reported twice.
        known = {id(found): found for found, of in registry._collector_to_names.items() if not of}
    for original in known.values():
        if is_same(original, collector) and owner not in book.owners.get(original, ()):
            if set(registry._collector_to_names.get(original, ())) == names:
                return original
    return None


def is_same(one: Any, other: Any) -> bool:
    def identity(collector: Any) -> tuple[object, ...]:
        kind = type(collector)
        return kind.__module__, kind.__qualname__, getattr(collector, "_labelnames", None)

    return one is not other and identity(one) == identity(other)


def become_twin(collector: Any, original: Any) -> None:
    """Gives a metric of prometheus_client the values of another. Other collectors are asked when `/metrics` is read:
    one of them is enough."""
    if type(collector).__module__.partition(".")[0] == "prometheus_client":
        collector.__dict__ = original.__dict__


def pair_registries(
    owner: ModuleSet, modules: ShardModules, registry: type, turn: threading.RLock
) -> None:
    """A registry that a module of this set has made is the one that the first set's module has under that name."""
    firsts = {module.__name__: module for module in list(modules.first.modules.values())}
    for module in list(owner.modules.values()):
        first = firsts.get(module.__name__)
        if first is None:
            continue
        for name, made in list(vars(module).items()):
            original = vars(first).get(name)
            if type(made) is registry and type(original) is registry and made is not original:
                with turn:
                    pair(made, original, owner)


def pair(made: Any, original: Any, owner: ModuleSet) -> None:
    if made.__dict__ is original.__dict__:
        return
    collectors = list(made._collector_to_names)
    made.__dict__ = original.__dict__
    for collector in collectors:
        made.register(collector)
