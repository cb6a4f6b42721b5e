"""One set of the user's own modules per shard, in one process; installed packages stay shared.

`sys.modules` is one dict for all, which C code reads as well (import statements, pickle). So the sets live in it side
by side: the key of a user's module is a str that equals its name only for code and threads of its set. So every lookup
by name, from anywhere, finds the module of the set that asks; nothing is swapped and nothing waits.

Which set asks? The innermost running function that one of the user's modules defines belongs to that module's set.
Where there is none, the thread decides: a shard's thread has that shard's set, a thread that was started from there has
it too, any other one has the first set.

Knows importlib, but neither apps nor serving.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .own_code import OwnCode, is_extension
from .shard_threads import inherit


class ModuleSet:
    """The modules of one shard, by the identity of their globals, which is what a running function knows of its own."""

    def __init__(self, sets: ShardModules) -> None:
        self.sets = sets
        self.modules: dict[int, ModuleType] = {}
        # The threads that belong to it hold it. The first set has none: it ends with the process.
        self.membership: Callable[[], Membership | None] = lambda: None
        # Whether its first import is done. Later additions to a shared list belong to the set too.
        self.is_complete = True
        # Lists that its code sees in the place of shared ones (log handlers).
        self.lists: dict[tuple[Any, str], list[Any]] = {}


class Key(str):
    """A module's name in `sys.modules`, for lookups by its own set."""

    __slots__ = ("owner",)
    owner: ModuleSet

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Key):
            return self.owner is other.owner and str.__eq__(self, other)
        return str.__eq__(self, other) is True and self.owner.sets.current() is self.owner

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def key_of(name: str, owner: ModuleSet) -> Key:
    key = Key(name)
    key.owner = owner
    return key


class Membership:
    """What the threads of a set hold while they belong to it; it ends with the last of them."""


class Here(threading.local):
    """What the calling thread belongs to."""

    owner: ModuleSet | None = None
    membership: Membership | None = None


class ShardModules:
    """The sets, and which code and threads belong to each. Several threads may use it at once."""

    def __init__(self, own: OwnCode) -> None:
        self.own = own
        self.first = ModuleSet(self)
        # Equal to no other set: for looking at modules that have no set yet.
        self.nobody = ModuleSet(self)
        self.here = Here()
        # By the identity of a module's globals.
        self.owners: dict[int, ModuleSet] = {}
        # Compiled modules have one state per process: each set refers to the same one.
        self.extensions: dict[str, tuple[ModuleType, ModuleSpec | None]] = {}
        # The names of all modules that a set has had of its own, except compiled ones.
        self.known: set[str] = set()
        self.sets_alive: weakref.WeakSet[ModuleSet] = weakref.WeakSet()
        # Called with a set once its first import is done.
        self.when_completed: list[Callable[[ModuleSet], None]] = []
        # Called with a shared module of this name once it has been imported.
        self.after_import: dict[str, Callable[[ModuleType], None]] = {}
        self.is_active = False

    def current(self) -> ModuleSet:
        """The set that is asking."""
        if self.here.owner is self.nobody:
            return self.nobody
        owners = self.owners
        frame = sys._getframe(1)
        while frame is not None:
            identity = id(frame.f_globals)
            # Not `get`, which takes the dict's lock on 3.13t: shards would wait for each other, and a child that is
            # forked while the lock is on its way to another thread would wait for ever.
            if identity in owners:
                with contextlib.suppress(KeyError):
                    return owners[identity]
            frame = frame.f_back  # type: ignore[assignment]
        return self.here.owner or self.first

    def activate(self) -> None:
        """From now on there may be several sets; what has been imported so far is the first one."""
        if self.is_active:
            return
        self.is_active = True
        sys.meta_path.insert(0, SetFinder(self))
        inherit(self.joined)
        self.adopt(self.first)

    def join_new_set(self) -> None:
        """Gives the calling thread a set of its own, empty so far. It lives as long as a thread belongs to it."""
        self.activate()
        owner, membership = ModuleSet(self), Membership()
        owner.membership = weakref.ref(membership)
        weakref.finalize(membership, self.forget, owner).atexit = False  # type: ignore[misc]
        self.sets_alive.add(owner)
        self.join_set(owner, membership)

    def join_set(self, owner: ModuleSet, membership: Membership) -> None:
        self.here.owner, self.here.membership = owner, membership

    def joined(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` for a new thread that will belong to the set that asks now."""
        owner = self.current()
        membership = owner.membership()
        if membership is None:
            return function

        def run(*arguments: Any, **named: Any) -> Any:
            self.join_set(owner, membership)
            return function(*arguments, **named)

        return run

    def completed(self, owner: ModuleSet) -> None:
        for call in self.when_completed:
            call(owner)

    def leave_set(self) -> None:
        self.here.owner = self.here.membership = None

    def adopt(self, owner: ModuleSet) -> None:
        """Gives `owner` the modules imported past the finder: before it was there, or by another import hook."""
        for name, module in list(sys.modules.items()):
            if isinstance(name, Key) or name == "__main__" or not self.is_own(name, module):
                continue
            before = self.here.owner
            self.here.owner = self.nobody
            try:
                # First the new entry, then the removal of the old one: a lookup meanwhile finds at least one.
                sys.modules[key_of(name, owner)] = module
                del sys.modules[name]
            finally:
                self.here.owner = before
            self.register(owner, name, module)

    def is_own(self, name: str, module: object) -> bool:
        return module is not None and self.own.holds(name, module)

    def register(self, owner: ModuleSet, name: str, module: object) -> None:
        if not isinstance(module, ModuleType):
            return
        if is_extension(getattr(module, "__file__", None)):
            self.extensions.setdefault(name, (module, module.__spec__))
            return
        self.known.add(name)
        owner.modules[id(module.__dict__)] = module
        self.owners[id(module.__dict__)] = owner

    def unregister(self, owner: ModuleSet, module: ModuleType) -> None:
        self.owners.pop(id(module.__dict__), None)
        owner.modules.pop(id(module.__dict__), None)

    def forget(self, owner: ModuleSet) -> None:
        """Takes a set out of the process, when no thread belongs to it any more."""
        for name in list(sys.modules):
            if isinstance(name, Key) and name.owner is owner:
                sys.modules.pop(name, None)
        for identity in list(owner.modules):
            self.owners.pop(identity, None)
        owner.modules.clear()


class SetFinder:
    """Comes first on `sys.meta_path`: loads what the others find into the set that asks, if it is the user's."""

    def __init__(self, sets: ShardModules) -> None:
        self.sets = sets

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = self.found_by_others(str(name), path, target)
        if spec is None or not self.sets.own.holds_spec(spec):
            if spec is not None and spec.name in self.sets.after_import:
                spec.loader = MendingLoader(spec.loader, self.sets.after_import[spec.name])
            return spec
        owner = self.sets.current()
        # importlib files the module under this spec's name; the module itself gets the real one.
        entry = ModuleSpec(key_of(spec.name, owner), SetLoader(spec, owner), origin=spec.origin)
        entry.submodule_search_locations = spec.submodule_search_locations
        entry.has_location = spec.has_location
        entry.cached = spec.cached
        return entry

    def found_by_others(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in list(sys.meta_path):
            find_spec = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec and find_spec(name, path, target)
            if spec is not None:
                return spec
        return None

    def invalidate_caches(self) -> None:
        """Has none; importlib asks those of the others."""


class MendingLoader(Loader):
    """Loads a shared module by its real loader, then calls what waits for it."""

    def __init__(self, loader: Any, call: Callable[[ModuleType], None]) -> None:
        self.loader = loader
        self.call = call

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        self.call(module)


class SetLoader(Loader):
    """Loads a module by its real loader, and lets it believe that nothing else was involved."""

    def __init__(self, spec: ModuleSpec, owner: ModuleSet) -> None:
        self.spec = spec
        self.owner = owner

    def create_module(self, entry: ModuleSpec) -> ModuleType:
        known = self.owner.sets.extensions.get(self.spec.name)
        return known[0] if known else importlib.util.module_from_spec(self.spec)

    def exec_module(self, module: ModuleType) -> None:
        owner, spec = self.owner, self.spec
        if spec.name in owner.sets.extensions:
            module.__spec__ = owner.sets.extensions[spec.name][1]
            return
        # Repeats what module_from_spec has done: importlib has put its own spec there, on reload all of it.
        module.__name__ = spec.name
        module.__spec__ = spec
        module.__loader__ = spec.loader
        module.__package__ = spec.parent
        if spec.loader is None:
            return
        if not is_extension(spec.origin):
            owner.sets.register(owner, spec.name, module)
        # Makes other threads wait for the rest of a module that one is still running.
        spec._initializing = True  # type: ignore[attr-defined]
        try:
            spec.loader.exec_module(module)
        except BaseException:
            owner.sets.unregister(owner, module)
            raise
        finally:
            spec._initializing = False  # type: ignore[attr-defined]
        if is_extension(spec.origin):
            owner.sets.register(owner, spec.name, module)

    def __getattr__(self, name: str) -> Any:
        # get_source, get_data, get_resource_reader and so on.
        return getattr(self.spec.loader, name)
