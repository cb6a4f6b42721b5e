"""The layers of borders_table.py: one import breaks each row, each row is used, and the docs show them.

That the tree keeps to them: test_repository_tidy.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from borders import Layer, covers, crossings, crossings_of, layer_of
from borders_table import LAYERS, layer_table
from import_graph import ImportGraph, Module, circles_of
from places import ROOT
from python_modules import python_module
from repository_rules import graph_of, sources_of
from rust_modules import MAIN, rust_module

ARCHITECTURE = ROOT / "docs/architecture.md"
# A stub describes the compiled module, so that what it imports is no need of that module.
ROWS = [layer for layer in LAYERS if not layer.name.endswith(".pyi")]
NAMES = [layer.name for layer in ROWS]


@pytest.fixture(scope="module")
def graph() -> ImportGraph:
    return graph_of(sources_of(ROOT))


def modules_of(layer: Layer, graph: ImportGraph) -> list[Module]:
    return [one for one in graph.modules.values() if layer_of(one.path, LAYERS) is layer]


def with_import(module: Module, name: str, graph: ImportGraph) -> Module:
    """The module of the real file with one import more at its end."""
    text = (ROOT / module.path).read_text()
    if module.path.endswith(".rs"):
        path = name.replace(".", "::")
        return rust_module(module.path, f"{text}\nuse ::{path} as _;\n", module.name)
    return python_module(module.path, f"{text}\nimport {name}\n", set(graph.modules))


def is_only_complaint(complaint: str, module: Module, name: str, graph: ImportGraph) -> bool:
    """Whether this import makes the rule say this of the file, and nothing else besides what it said before."""
    before = crossings_of(module, graph, LAYERS)
    return crossings_of(with_import(module, name, graph), graph, LAYERS) == before | {complaint}


def forbidden_modules(layer: Layer, graph: ImportGraph) -> Iterator[tuple[Layer, Module]]:
    """A module of each layer that this one may not need, in its own language."""
    own = modules_of(layer, graph)[0]
    for other in LAYERS:
        if layer.may_use(other):
            continue
        for module in modules_of(other, graph):
            is_program = MAIN in module.name.split(".") or module.name.endswith("__main__")
            if module.is_rust == own.is_rust and not is_program:
                yield other, module
                break


@pytest.mark.parametrize("layer", ROWS, ids=NAMES)
def test_an_import_of_a_layer_that_is_not_allowed_is_found(
    layer: Layer, graph: ImportGraph
) -> None:
    for module in modules_of(layer, graph)[:1]:
        for other, forbidden in forbidden_modules(layer, graph):
            complaint = f"{layer.name} must not know {other.name}"
            assert is_only_complaint(complaint, module, forbidden.name, graph)


@pytest.mark.parametrize("layer", ROWS, ids=NAMES)
def test_an_import_of_a_name_that_is_forbidden_is_found(layer: Layer, graph: ImportGraph) -> None:
    module = next(one for one in graph.modules.values() if layer.has(one.path))
    for forbidden in layer.forbidden:
        complaint = f"{layer.name} must not know {forbidden}"
        assert is_only_complaint(complaint, module, forbidden, graph)
        assert is_only_complaint(complaint, module, f"{forbidden}.inner", graph)


@pytest.mark.parametrize("layer", ROWS, ids=NAMES)
def test_a_layer_has_files_and_needs_what_it_may(layer: Layer, graph: ImportGraph) -> None:
    """A row that nothing uses is a wish, not a border."""
    own = modules_of(layer, graph)
    assert own, "a layer without files"
    homes = [graph.home_of(name, module) for module in own for name in module.names]
    needed = {found for home in homes if home and (found := layer_of(home.path, LAYERS))}
    unused = [name for name in layer.may_need if not any(covers(name, one) for one in needed)]
    assert unused == [], "no file needs these; take them off"


def test_layers_need_each_other_one_way_only() -> None:
    needs = {one.name: {other.name for other in LAYERS if one.may_use(other)} for one in LAYERS}
    assert circles_of(needs) == []


def test_a_file_outside_of_every_layer_is_found() -> None:
    stray = ImportGraph([Module("stray", "elsewhere/stray.py", frozenset())])
    assert list(crossings(stray, LAYERS)) == [("elsewhere/stray.py", "belongs to no layer")]


def test_architecture_shows_the_layers() -> None:
    """docs/architecture.md has the table that borders_table.py makes."""
    shown = re.search(
        r"<!-- layers:begin -->\n(.*)\n<!-- layers:end -->", ARCHITECTURE.read_text(), re.DOTALL
    )
    assert shown is not None
    assert shown[1].strip() == layer_table(), f"put this between the markers:\n{layer_table()}"
