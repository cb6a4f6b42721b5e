"""The modules of the workspace's crates: which file is which module, and which names it uses. Tests are left out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from import_graph import Module
from rust_imports import code_of, mentioned_paths, named_by_use_tree

MAIN = "main"
"""A crate's program is a module beside those of its library."""

_TEST_ITEM = re.compile(r"#\s*\[\s*cfg\s*\(\s*(?:all\s*\(\s*)?test\b[^\]]*\]")
_MODULE = re.compile(r"\bmod\s+(\w+)\s*;")
_USE = re.compile(r"(?P<public>\bpub(?:\s*\([^)]*\))?\s+)?\buse\s+(?P<tree>[^;]+);")
_ITEM = re.compile(
    r"\b(?:struct|enum|union|trait|type|const|static|fn|macro_rules!)\s+(?:mut\s+)?([A-Za-z_]\w*)"
)


def without_tests(code: str) -> str:
    """The code without the items that only tests have."""
    while match := _TEST_ITEM.search(code):
        code = code[: match.start()] + code[_end_of_item(code, match.end()) :]
    return code


def _end_of_item(code: str, start: int) -> int:
    depth = 0
    is_use = re.match(r"\s*(?:pub(?:\([^)]*\))?\s+)?use\b", code[start:])
    for position in range(start, len(code)):
        character = code[position]
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if character == "}" and depth == 0 and not is_use:
                return position + 1
        elif character == ";" and depth == 0:
            return position + 1
    return len(code)


@dataclass(frozen=True)
class Crate:
    name: str
    folder: str


def crates_of(texts: Mapping[str, str]) -> Iterator[Crate]:
    for path, text in texts.items():
        if PurePosixPath(path).name == "Cargo.toml":
            manifest = tomllib.loads(text)
            if "package" in manifest:
                package = manifest["package"]["name"]
                name = manifest.get("lib", {}).get("name", package)
                # Extension modules of Python: several may be called alike, and no Rust names them.
                name = package if name.startswith("_") else name
                yield Crate(name.replace("-", "_"), str(PurePosixPath(path).parent))


def rust_modules(texts: Mapping[str, str]) -> list[Module]:
    """Every module that is reached from a crate's lib.rs or main.rs."""
    modules = []
    for crate in crates_of(texts):
        for root, name in (("lib", crate.name), ("main", f"{crate.name}.{MAIN}")):
            path = str(PurePosixPath(crate.folder, "src", f"{root}.rs"))
            if path in texts:
                modules += _reached(texts, path, name)
    return modules


def _reached(texts: Mapping[str, str], path: str, name: str) -> Iterator[Module]:
    yield rust_module(path, texts[path], name)
    for child in _MODULE.findall(without_tests(code_of(texts[path]))):
        if file := _file_of(texts, path, child):
            yield from _reached(texts, file, f"{name}.{child}")


def _file_of(texts: Mapping[str, str], path: str, child: str) -> str | None:
    """The file of `mod child;`, which an attribute may name."""
    here = PurePosixPath(path)
    if named := re.search(
        rf'#\[path = "([^"]+)"\]\s*(?:pub(?:\([^)]*\))?\s+)?mod {child};', texts[path]
    ):
        return str(here.parent / named[1])
    folder = here.parent if here.stem in {"mod", "lib", "main"} else here.with_suffix("")
    for candidate in (folder / f"{child}.rs", folder / child / "mod.rs"):
        if str(candidate) in texts:
            return str(candidate)
    return None


def rust_module(path: str, text: str, name: str) -> Module:
    """One file, read as the module of this name."""

    def absolute(rust_path: str) -> str:
        first, _, rest = rust_path.partition("::")
        if first in bound:
            return bound[first] + ("." + rest.replace("::", ".") if rest else "")
        return _absolute(rust_path, name)

    code = without_tests(code_of(text))
    body = _USE.sub("", code)
    words = set(re.findall(r"\w+", body))
    bound = {child: f"{name}.{child}" for child in _MODULE.findall(code)}
    uses, passes_on, passes_on_all = set(), {}, []
    for match in _USE.finditer(code):
        for rust_path, used_as in named_by_use_tree(match["tree"]):
            target = absolute(rust_path)
            if used_as == "*":
                passes_on_all.append(target)
            else:
                passes_on[used_as] = target
            # What is public and not needed here is only passed on.
            if not match["public"] or used_as in words:
                uses.add(target)
    bound |= passes_on
    uses.update(absolute(rust_path) for rust_path in mentioned_paths(body))
    defines = frozenset(_ITEM.findall(body))
    return Module(name, path, frozenset(uses), passes_on, tuple(passes_on_all), defines)


def _absolute(path: str, name: str) -> str:
    """A path without a bound name at its head: of this crate, or of one outside."""
    parts = path.split("::")
    crate, *inner = name.split(".")
    root = f"{crate}.{MAIN}" if inner[:1] == [MAIN] else crate
    here = {"crate": root, "self": name, "super": name}.get(parts[0])
    while parts and parts[0] in {"crate", "self", "super"}:
        if parts.pop(0) == "super":
            here = here.rpartition(".")[0]
    return ".".join([here, *parts] if here else parts)
