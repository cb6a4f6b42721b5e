"""Which file needs which: modules of Rust and Python with the names that they use, resolved to the files that define
them. Names are dotted in both languages. Knows no syntax; rust_modules.py and python_modules.py read that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Module:
    """One file as its language sees it."""

    name: str
    path: str
    # Absolute dotted names: what it uses itself, without what it only passes on.
    uses: frozenset[str]
    # Names that others find here although another module defines them.
    passes_on: Mapping[str, str] = field(default_factory=dict)
    # Modules whose names are all found here.
    passes_on_all: tuple[str, ...] = ()
    defines: frozenset[str] = frozenset()

    @property
    def names(self) -> set[str]:
        """All that it uses or passes on."""
        return {*self.uses, *self.passes_on.values(), *self.passes_on_all}

    @property
    def is_rust(self) -> bool:
        return self.path.endswith(".rs")


class ImportGraph:
    """The modules of the repository, and where a name comes from."""

    def __init__(self, modules: Iterable[Module], faces: Sequence[str] = ()) -> None:
        """`faces`: roots of crates and packages; to others, what they pass on is theirs, whatever defines it."""
        self.modules = {module.name: module for module in modules}
        self.faces = faces

    def home_of(self, name: str, user: Module) -> Module | None:
        """The module that defines this, through every re-export. None if it is not ours."""
        seen = set()
        found = self._longest_module(name)
        while found is not None and name not in seen:
            seen.add(name)
            rest = name.removeprefix(found.name).removeprefix(".")
            is_face = found.name in self.faces and not _is_akin(found, user)
            onward = None if is_face or not rest else self._passed_on(found, rest)
            if onward is None:
                return found
            name, found = onward, self._longest_module(onward)
        return found

    def _longest_module(self, name: str) -> Module | None:
        while name:
            if name in self.modules:
                return self.modules[name]
            name = name.rpartition(".")[0]
        return None

    def _passed_on(self, module: Module, rest: str) -> str | None:
        first, dot, further = rest.partition(".")
        if first in module.defines:
            return None
        if origin := module.passes_on.get(first):
            return origin + dot + further
        for other in module.passes_on_all:
            source = self.modules.get(other)
            if source and (first in source.defines or self._passed_on(source, rest)):
                return f"{other}.{rest}"
        return None

    def needs(self, module: Module) -> set[str]:
        """The paths of the files that this one needs."""
        homes = (self.home_of(name, module) for name in module.uses)
        return {home.path for home in homes if home} - {module.path}

    def edges(self) -> dict[str, set[str]]:
        edges: dict[str, set[str]] = {}
        for module in self.modules.values():
            edges.setdefault(module.path, set()).update(self.needs(module))
        return edges


def _is_akin(one: Module, other: Module) -> bool:
    return one.name.partition(".")[0] == other.name.partition(".")[0]


def circles_of(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of files of which each needs every other, directly or by way of the rest (Tarjan's algorithm)."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_files: list[str] = []
    circles = []
    for start in sorted(edges):
        if start in numbers:
            continue
        visits: list[tuple[str, Iterator[str]]] = []

        def visit(file: str) -> None:
            numbers[file] = lowest[file] = len(numbers)
            open_files.append(file)
            visits.append((file, iter(sorted(edges.get(file, ())))))  # noqa: B023

        visit(start)
        while visits:
            file, needed = visits[-1]
            for other in needed:
                if other not in numbers:
                    visit(other)
                    break
                if other in open_files:
                    lowest[file] = min(lowest[file], numbers[other])
            else:
                visits.pop()
                if visits:
                    lowest[visits[-1][0]] = min(lowest[visits[-1][0]], lowest[file])
                if lowest[file] == numbers[file]:
                    place = open_files.index(file)
                    if len(open_files) - place > 1:
                        circles.append(sorted(open_files[place:]))
                    del open_files[place:]
    return circles
