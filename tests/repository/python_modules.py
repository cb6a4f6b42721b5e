"""The Python modules of the repository: which file is which module, and which names it imports, also in functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from import_graph import Module

# Packages: a module below one of these folders has its name from there. All others are named by their whole path.
PACKAGES = ("python-bridge/python", "lab/python")

# Where tests and scripts find what they import, after the folder that they are in.
SEARCHED = (
    "tests.harness",
    "tests.fastapi.harness",
    "tests",
    "scripts",
    "tests.repository",
    "tests.lab",
)


def imported_names(tree: ast.AST, module: str, *, is_package: bool) -> Iterator[tuple[str, str]]:
    """Each absolute dotted name that is imported, and what it is called here. `*` for all names of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, alias.asname or alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, module, is_package)
            for alias in node.names:
                name = origin if alias.name == "*" else f"{origin}.{alias.name}"
                yield name, alias.asname or alias.name


def _origin(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


def python_modules(texts: Mapping[str, str]) -> list[Module]:
    """One module for each file of Python."""
    paths = [path for path in texts if path.endswith((".py", ".pyi"))]
    known = {name_of(path) for path in paths}
    return [python_module(path, texts[path], known) for path in paths]


def name_of(path: str) -> str:
    file = PurePosixPath(path)
    for folder in PACKAGES:
        if file.is_relative_to(folder):
            file = file.relative_to(folder)
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def python_module(path: str, text: str, known: set[str]) -> Module:
    """One file; `known` are the names of all modules."""
    name = name_of(path)
    is_package = path.endswith("/__init__.py")
    tree = ast.parse(text)
    mentioned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    uses, passes_on = set(), {}
    for imported, used_as in imported_names(tree, name, is_package=is_package):
        used = _found(imported, name, known)
        # A package's __init__ passes on what it imports and does not need.
        if is_package:
            passes_on[used_as] = used
        # A stub tells the types of a compiled module, which imports nothing itself.
        if not path.endswith(".pyi") and (not is_package or used_as in mentioned):
            uses.add(used)
    return Module(name, path, frozenset(uses), passes_on)


def _found(imported: str, importer: str, known: set[str]) -> str:
    """The full name of what a file imports from sys.path: what is beside it comes first."""
    for folder in (importer.rpartition(".")[0], *SEARCHED):
        candidate = f"{folder}.{imported}"
        # What is imported is a module, or a name in one.
        if {candidate, candidate.rpartition(".")[0]} & known - {folder}:
            return candidate
    return imported
