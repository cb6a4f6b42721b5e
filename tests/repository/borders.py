"""Which layer may need which: the checker. borders_table.py has the rows. Knows no syntax of Rust or Python."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from import_graph import ImportGraph, Module


@dataclass(frozen=True)
class Outside:
    """Names from outside the repository, dotted, each with all that it holds."""

    called: str
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Layer:
    """Files and what they may need. A file belongs to the layer that names it most closely."""

    name: str
    """A folder or a file, as docs/architecture.md calls it."""

    holds: str
    """In a few words."""

    may_need: Sequence[str] = ()
    """Names of other layers; with a slash at its end, a folder with every layer in it. Files of one layer may need
    each other."""

    never: Sequence[Outside] = ()
    """Holds for the layers inside this folder too, but for those that are there for it."""

    is_for: Sequence[Outside] = ()
    """What it may know, whatever holds for the folders around it."""

    @property
    def forbidden(self) -> list[str]:
        return [name for outside in self.never for name in outside.names]

    def has(self, path: str) -> bool:
        return path == self.name or path.startswith(f"{self.name}/")

    def may_use(self, other: Layer) -> bool:
        return other is self or any(covers(name, other) for name in self.may_need)


def covers(named: str, layer: Layer) -> bool:
    """Whether `may_need` with this name in it allows the layer."""
    if named.endswith("/"):
        return f"{layer.name}/".startswith(named)
    return layer.name == named


@functools.cache
def layer_of(path: str, layers: tuple[Layer, ...]) -> Layer | None:
    found = [layer for layer in layers if layer.has(path)]
    return max(found, key=lambda layer: len(layer.name), default=None)


def crossings(graph: ImportGraph, layers: tuple[Layer, ...]) -> Iterator[tuple[str, str]]:
    """(path, text) for each name that the layers do not allow a file to use or to pass on."""
    for module in graph.modules.values():
        for text in crossings_of(module, graph, layers):
            yield module.path, text


def crossings_of(module: Module, graph: ImportGraph, layers: tuple[Layer, ...]) -> set[str]:
    own = layer_of(module.path, layers)
    if own is None:
        return {"belongs to no layer"}
    around = [layer for layer in layers if layer.has(module.path)]
    found = set()
    for name in module.names:
        home = graph.home_of(name, module)
        if home is not None:
            other = layer_of(home.path, layers)
            if other and not own.may_use(other):
                found.add(f"{own.name} must not know {other.name}")
            continue
        allowed = [one for outside in own.is_for for one in outside.names]
        for layer in around:
            for forbidden in layer.forbidden:
                if is_within(name, forbidden) and forbidden not in allowed:
                    found.add(f"{layer.name} must not know {forbidden}")
    return found


def is_within(name: str, forbidden: str) -> bool:
    return name == forbidden or name.startswith(forbidden + ".")


def forbidden_dependencies(
    manifest: Mapping[str, object], folder: str, layers: tuple[Layer, ...]
) -> Iterator[str]:
    """The same rows for a crate's manifest: what a crate cannot depend on, none of its files can use."""
    targets = manifest.get("target", {})
    tables = [manifest, *(targets.values() if isinstance(targets, dict) else ())]
    needs = {
        name.replace("-", "_")
        for table in tables
        for kind in ("dependencies", "dev-dependencies", "build-dependencies")
        for name in table.get(kind, {})
    }
    for layer in layers:
        if layer.name in {folder, f"{folder}/src"}:
            for name in sorted(needs.intersection(layer.forbidden)):
                yield f"{layer.name} must not depend on {name}"
