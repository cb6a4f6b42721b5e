"""The names by which Rust finds things in Python: all of them stand in one file, and Python has them."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from places import ROOT

SOURCES = ROOT / "python-bridge" / "src"
NAMES = SOURCES / "python" / "names.rs"

_MODULE = re.compile(r'^const (\w+): &str = "([\w.]+)";', re.MULTILINE)
_GLOBAL = re.compile(
    r'^pub\(crate\) static \w+: Global =\s*Global::of\((?:"([\w.]+)"|(\w+)), "(\w+)"\);',
    re.MULTILINE,
)
# An import, an attribute or a method by a name that is written on the spot.
_ON_THE_SPOT = re.compile(
    r'\.import\(|\b(?:getattr|getattr_opt|setattr|hasattr|call_method\w*)\(\s*(?:intern!\(\s*[\w.]+(?:\(\))?,\s*)?c?"'
)


def names() -> list[tuple[str, str]]:
    text = NAMES.read_text()
    modules = dict(_MODULE.findall(text))
    return [(module or modules[const], name) for module, const, name in _GLOBAL.findall(text)]


def test_every_name_is_read() -> None:
    assert len(names()) == NAMES.read_text().count("Global::of(") > 0


@pytest.mark.parametrize(("module", "name"), names())
def test_python_has_what_rust_looks_for(module: str, name: str) -> None:
    assert hasattr(import_module(module), name)


def test_no_name_stands_elsewhere() -> None:
    complaints = [
        f"{file.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for file in sorted(SOURCES.rglob("*.rs"))
        if file != NAMES
        for text in [file.read_text()]
        for match in _ON_THE_SPOT.finditer(text)
    ]
    assert complaints == []
