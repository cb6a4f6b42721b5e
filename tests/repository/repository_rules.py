"""The rules of STYLE that a script can check, as functions from a file tree to complaints. Knows nothing of pytest.

A complaint is (rule, path, text). test_repository_tidy.py lists what may stay as it is, and why.
"""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from borders import crossings, forbidden_dependencies
from borders_table import FACES, LAYERS
from import_graph import ImportGraph, circles_of
from python_modules import python_modules
from rust_imports import code_of
from rust_modules import rust_modules
from words import ELSEWHERE, FOUND, PLAIN

FILE_LINES_MAX = 420
"""About 400; the rest saves splitting a file over two lines."""

FACADE_LINES_MAX = 120
"""mod.rs and lib.rs re-export; a trait and its errors still fit."""

DRAWERS = {"util", "utils", "manager", "managers", "common", "helper", "helpers", "misc"}


@dataclass(frozen=True)
class Complaint:
    rule: str
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text} [{self.rule}]"


@dataclass(frozen=True)
class Source:
    """One file of the repository; path is relative to its root, with slashes."""

    path: str
    text: str

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.path).suffix

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


def files_of(root: Path, *which: str) -> list[str]:
    """Paths that `git ls-files` lists."""
    # The checkout may belong to another user, as it does in many CI containers.
    command = [
        "git",
        "-c",
        f"safe.directory={root}",
        "ls-files",
        "-z",
        "--exclude-standard",
        *which,
    ]
    listing = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return sorted(set(listing.split("\0")) - {""})


def left_overs_of(root: Path) -> list[str]:
    """Files that are committed although .gitignore says that they are made."""
    return files_of(root, "--cached", "--ignored")


def sources_of(root: Path) -> list[Source]:
    """Every text file that git knows or would add; a listed file may already be gone."""
    sources = []
    for path in files_of(root, "--cached", "--others"):
        file = root / path
        if not file.is_file():
            continue
        content = file.read_bytes()
        if b"\0" not in content:
            sources.append(Source(path, content.decode(errors="replace")))
    return sources


def file_length(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if source.suffix in {".rs", ".py"} and lines > FILE_LINES_MAX:
        yield f"{lines} lines, more than {FILE_LINES_MAX}"


def facade_size(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if source.name in {"mod.rs", "lib.rs"} and lines > FACADE_LINES_MAX:
        yield f"{lines} lines; mod.rs and lib.rs only re-export ({FACADE_LINES_MAX} at most)"


def module_header(source: Source) -> Iterator[str]:
    if source.suffix == ".rs" and not source.text.startswith("//!"):
        yield "the first line is not a //! header that says what the file holds"
    if source.suffix in {".py", ".pyi"}:
        is_empty_package = source.name == "__init__.py" and not source.text.strip()
        if not is_empty_package and ast.get_docstring(ast.parse(source.text)) is None:
            yield "does not begin with a docstring that says what the file holds"


def no_drawers(source: Source) -> Iterator[str]:
    for part in PurePosixPath(source.path).parts:
        if part.split(".")[0].lower() in DRAWERS:
            yield f"{part} is a drawer; name it after what it holds"


def graph_of(sources: list[Source]) -> ImportGraph:
    texts = {source.path: source.text for source in sources}
    return ImportGraph([*rust_modules(texts), *python_modules(texts)], FACES)


def borders(graph: ImportGraph) -> Iterator[Complaint]:
    for path, text in crossings(graph, LAYERS):
        yield Complaint("borders", path, text)


def dependencies(source: Source) -> Iterator[str]:
    """The borders once more, for manifests."""
    if source.name == "Cargo.toml":
        folder = str(PurePosixPath(source.path).parent)
        yield from forbidden_dependencies(tomllib.loads(source.text), folder, LAYERS)


def circles(graph: ImportGraph) -> Iterator[Complaint]:
    """A complaint for each circle, at its first file."""
    for files in circles_of(graph.edges()):
        yield Complaint("circles", files[0], f"imports in a circle: {', '.join(files)}")


# Written backwards, so that this file does not complain about itself.
_MARKER = re.compile(rf"\b({'ODOT'[::-1]}|{'EMXIF'[::-1]})\b(?!\(\s*\w[^)]*\))")


def markers_have_reasons(source: Source) -> Iterator[str]:
    if source.suffix in {".rs", ".py", ".pyi", ".sh", ".toml", ".yml"} or source.name == "Makefile":
        for match in _MARKER.finditer(source.text):
            yield f"{match[1]} in line {_line_of(source, match)} gives no reason; write {match[1]}(reason)"


def ignored_tests_have_reasons(source: Source) -> Iterator[str]:
    if source.suffix == ".rs":
        for match in re.finditer(r"#\[ignore\s*\]", code_of(source.text)):
            yield f"#[ignore] in line {_line_of(source, match)} gives no reason"


def protocol_is_safe(source: Source) -> Iterator[str]:
    if (
        source.path == "runtime/protocol/src/lib.rs"
        and "#![forbid(unsafe_code)]" not in source.text
    ):
        yield "the protocol crate does not #![forbid(unsafe_code)]"


def plain_words(source: Source) -> Iterator[str]:
    if not source.path.startswith(ELSEWHERE):
        for match in FOUND.finditer(source.text):
            word = match[1].lower()
            yield f"{match[1]!r} in line {_line_of(source, match)}; write {PLAIN[word]!r}"


_HOME = re.compile(r"(?<![\w.$})~/-])/(?:root|home/[\w.-]+|Users/[\w.-]+)/")
# Words that mirrors, registries and their proxies carry in their names.
_REGISTRY = re.compile(
    r"\bhttps?://(?P<host>[\w.-]*(?:mirror|registry|artifact|nexus|proxy|pypi|pythonhosted|crates|index|deb\.|debian)[\w.-]*)"
    r"[/:\s'\"]"
)
_RESERVED_HOST = re.compile(
    r"(?:\.(?:test|invalid|example|localhost)|(?:^|\.)example\.(?:com|org|net))$"
)


def no_machine_traces(root: Path) -> Callable[[Source], Iterator[str]]:
    """The rule for one checkout: its own place on this machine must not appear in it either."""

    def rule(source: Source) -> Iterator[str]:
        # A checkout directly below / has a name too plain to search for.
        if len(root.parts) > 2 and f"{root}/" in source.text:
            yield "names the place of this checkout on this machine"
        if match := _HOME.search(source.text):
            yield f"names a home directory in line {_line_of(source, match)}"
        for match in _REGISTRY.finditer(source.text):
            if not _RESERVED_HOST.search(match["host"]):
                yield f"names the registry or mirror {match['host']}; use what the machine is configured with"

    return rule


def lock_names_public_registry(source: Source) -> Iterator[str]:
    if source.path.endswith("Cargo.lock"):
        # cargo's name for its default registry, whatever mirror serves it.
        public = "registry+https://github.com/rust-lang/crates.io-index"
        for found in set(re.findall(r'^source = "(.*)"', source.text, re.MULTILINE)) - {public}:
            yield f"takes a crate from {found}"


def _line_of(source: Source, match: re.Match[str]) -> int:
    return match.string.count("\n", 0, match.start()) + 1


def complaints_of(root: Path, sources: list[Source]) -> list[Complaint]:
    """All faults of the tree, rule by rule."""
    rules = {
        "file_length": file_length,
        "facade_size": facade_size,
        "module_header": module_header,
        "no_drawers": no_drawers,
        "dependencies": dependencies,
        "markers_have_reasons": markers_have_reasons,
        "ignored_tests_have_reasons": ignored_tests_have_reasons,
        "protocol_is_safe": protocol_is_safe,
        "plain_words": plain_words,
        "no_machine_traces": no_machine_traces(root),
        "lock_names_public_registry": lock_names_public_registry,
    }
    graph = graph_of(sources)
    found = [
        Complaint(name, source.path, text)
        for name, rule in rules.items()
        for source in sources
        for text in rule(source)
    ]
    return [*found, *borders(graph), *circles(graph)]
