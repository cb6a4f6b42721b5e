"""Another instance of the app for the calling thread: imports the user's modules again, or calls the factory again. A
package that refuses what it has seen before becomes the shard's own, and the import is tried again.

Knows nothing of shards' lives or of serving.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from ..logs.error_stream import write_line
from ..user_code.gil_watch import GilWatch, refuse_gil
from ..user_code.running import AppError, one_line

if TYPE_CHECKING:
    from ..module_sets.shard_modules import ShardModules

# Most packages that become the shard's own because they refused, in one start. Each costs an import of the whole app.
REFUSERS_MAX = 4


class Another:
    """Makes another instance by `find`, on a thread that then belongs to a set of its own."""

    def __init__(
        self,
        find: Callable[[], object],
        name: str,
        *,
        allow_gil: bool,
        module: ModuleType | None = None,
        directory: str = "",
        own: Sequence[str] = (),
    ) -> None:
        self.find = find
        self.name = name
        self.allow_gil = allow_gil
        # Without one, as with a script's own factory, no module of the user's is imported again.
        self.module = module
        self.directory = directory
        self.asked_for = tuple(own)
        # Packages that became the shard's own because they refused, each with what it said.
        self.refused: dict[str, str] = {}
        # Whether several threads may make theirs at the same time; known once it is prepared.
        self.may_be_side_by_side = False

    @functools.cached_property
    def modules(self) -> ShardModules:
        # Many servers have one shard and never need it.
        from ..module_sets.own_code import OwnCode
        from ..module_sets.shard_modules import ShardModules

        return ShardModules(
            OwnCode(self.directory, self.module) if self.module is not None else OwnCode(None)
        )

    def prepare(self) -> None:
        """Best done while no other thread imports anything. AppError for a package that cannot be the shard's own."""
        if self.modules.is_active:
            return
        from ..module_sets import import_locks, own_packages
        from ..module_sets.process_wide import follow_sets

        if self.module is not None:
            for package in self.asked_for:
                refuse_own(package)
            self.modules.own.add_installed({*own_packages.OWN_NAMES, *self.asked_for})
            self.add_holders()
        self.modules.activate()
        follow_sets(self.modules)
        self.may_be_side_by_side = import_locks.is_safe() and import_locks.lock_by_set(self.modules)

    def add_holders(self) -> None:
        """A package that holds something of an own package must be own as well, and so on."""
        from ..module_sets import own_packages

        own = self.modules.own
        while loaded := [name for name in own.packages if name in sys.modules]:
            found = own_packages.holders(loaded, own)
            if not found:
                return
            own.add_installed(sorted(found))

    def __call__(self) -> object:
        self.prepare()
        while True:
            try:
                return self.attempt()
            except AppError as error:
                if not self.make_refuser_own(error):
                    raise

    def attempt(self, *, side_by_side: bool = False) -> object:
        """One import. Several threads cannot watch at the same time for what switches the GIL on."""
        self.modules.join_new_set()
        watch = GilWatch()
        try:
            with contextlib.nullcontext() if side_by_side else watch, being_made(self.modules):
                instance = self.find()
                self.modules.adopt(self.modules.current())
            refuse_gil(watch.culprit, allow_gil=self.allow_gil)
            return instance
        except BaseException:
            self.modules.leave_set()
            raise

    def make_refuser_own(self, error: AppError) -> bool:
        """Whether a package is newly the shard's own, and may have refused because it was not."""
        if self.module is None or error.__cause__ is None or len(self.refused) >= REFUSERS_MAX:
            return False
        from ..module_sets import refusers

        package = next(refusers.of(error.__cause__, self.modules), None)
        if package is None:
            return False
        self.refused[package] = one_line(error.__cause__)
        self.modules.own.add_installed([package])
        self.add_holders()
        self.modules.adopt(self.modules.first)
        write_line(
            sys.stderr,
            f"turbo-shard: {package} is each shard's own from here on: it refused a second instance of {self.name} "
            f"({self.refused[package]}); --own {package} says so from the start",
        )
        return True


def refuse_own(package: str) -> None:
    """AppError where a package that the user names cannot be the shard's own."""
    from ..module_sets import own_packages

    if reason := own_packages.why_never_own(package):
        raise AppError(f"--own: {package} {reason}")
    try:
        is_there = package in sys.modules or importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        is_there = False
    if not is_there:
        raise AppError(f"--own: there is no package {package!r}")


@contextlib.contextmanager
def being_made(modules: ShardModules) -> Iterator[None]:
    """While the calling thread's set is filled."""
    owner = modules.current()
    owner.is_complete = False
    yield
    owner.is_complete = True
    modules.completed(owner)
