"""Prints figures of the repository: lines of each layer, circles of imports, what is longest, the size of the wheel.

make figures
make figures FIGURES_ARGS='keep_alive_timeout stats'   # also: which files of code have this word
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/repository"))

from borders import layer_of  # noqa: E402
from borders_table import LAYERS  # noqa: E402
from import_graph import circles_of  # noqa: E402
from repository_rules import Source, graph_of, sources_of  # noqa: E402
from rust_imports import code_of  # noqa: E402

FUNCTION_LINES = 60
"""What fits a screen."""

NO_WHEEL = "wheel: not installed here; `make build` installs it"

REST = "tests and examples of crates"

LANGUAGES = {".rs", ".py", ".pyi"}


@dataclass(frozen=True)
class Function:
    path: str
    name: str
    lines: int


def kinds_of_lines(source: Source) -> Counter[str]:
    """How many lines are code, comments (with docstrings) and blank. A comment behind code is code."""
    prose = rust_prose(source.text) if source.suffix == ".rs" else python_prose(source.text)
    lines = source.text.splitlines()
    blank = sum(not line.strip() for line in lines)
    comment = sum(bool(lines[number - 1].strip()) for number in prose)
    return Counter(code=len(lines) - blank - comment, comment=comment, blank=blank)


def rust_prose(text: str) -> set[int]:
    """Numbers of the lines that begin with a comment."""
    return {n for n, line in enumerate(text.splitlines(), 1) if line.lstrip().startswith("//")}


def python_prose(text: str) -> set[int]:
    """Numbers of the lines that hold a comment alone, or are of a string by itself."""
    comments = {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#")
    }
    strings = {
        number
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node.value.value, str)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return comments | strings


def functions_of(source: Source) -> Iterator[Function]:
    """Every function with a body, from its first line to its last; those inside of others too."""
    if source.suffix == ".rs":
        yield from rust_functions(source)
        return
    for node in ast.walk(ast.parse(source.text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Function(source.path, node.name, lines)


def rust_functions(source: Source) -> Iterator[Function]:
    code = code_of(source.text)
    for match in re.finditer(r"\bfn\s+(\w+)[^;{]*\{", code):
        depth = 1
        end = match.end()
        while depth and end < len(code):
            depth += {"{": 1, "}": -1}.get(code[end], 0)
            end += 1
        yield Function(source.path, match[1], code.count("\n", match.start(), end) + 1)


def layer_lines(sources: list[Source]) -> Iterator[str]:
    """The table of layers, then the total."""
    files: Counter[str] = Counter()
    kinds: dict[str, Counter[str]] = {}
    for source in sources:
        layer = layer_of(source.path, LAYERS)
        name = layer.name if layer else REST
        files[name] += 1
        kinds.setdefault(name, Counter()).update(kinds_of_lines(source))
    names = [layer.name for layer in LAYERS if layer.name in kinds]
    yield row("layer", "files", "code", "comment", "blank")
    for name in [*names, *([REST] if REST in kinds else [])]:
        yield row(name, files[name], *(kinds[name][kind] for kind in ("code", "comment", "blank")))
    total = sum(kinds.values(), Counter())
    yield row("all", files.total(), *(total[kind] for kind in ("code", "comment", "blank")))


def row(name: str, *values: object) -> str:
    cells = (f"{value:,}" if isinstance(value, int) else str(value) for value in values)
    return f"{name:48}" + "".join(f"{cell:>9}" for cell in cells)


def wheel_line() -> str:
    """What of the installed wheel is Python, and how large its shared object is."""
    try:
        wheel = metadata.distribution("turbo-shard")
    except metadata.PackageNotFoundError:
        return NO_WHEEL
    files = [Path(str(wheel.locate_file(file))) for file in wheel.files or []]
    python = [file for file in files if file.suffix in LANGUAGES and file.is_file()]
    native = [file for file in files if file.suffix == ".so" and file.is_file()]
    if not python or not native:
        return NO_WHEEL
    lines = sum(file.read_text().count("\n") for file in python)
    size = sum(file.stat().st_size for file in native)
    return f"wheel: {len(python)} files of Python with {lines:,} lines; _native.so {size:,} bytes"


def figures(sources: list[Source]) -> Iterator[str]:
    """All lines for these sources."""
    code = [source for source in sources if source.suffix in LANGUAGES]
    yield from layer_lines(code)
    yield ""
    yield f"circles of imports: {len(circles_of(graph_of(sources).edges()))}"
    longest = max(code, key=lambda source: source.text.count("\n"))
    yield f"longest file: {longest.path}, {longest.text.count(chr(10))} lines"
    functions = [function for source in code for function in functions_of(source)]
    long = sorted(
        (one for one in functions if one.lines > FUNCTION_LINES), key=lambda one: -one.lines
    )
    yield f"functions of more than {FUNCTION_LINES} lines: {len(long)} of {len(functions):,}"
    for function in long:
        yield f"    {function.lines} {function.path} {function.name}"
    yield wheel_line()


def files_that_name(word: str, sources: list[Source]) -> list[str]:
    whole_word = re.compile(rf"\b{re.escape(word)}\b")
    return [source.path for source in sources if whole_word.search(source.text)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("words", nargs="*", help="print also which files of code name this word")
    options = parser.parse_args()
    sources = sources_of(ROOT)
    print("\n".join(figures(sources)))
    for word in options.words:
        named = files_that_name(word, [source for source in sources if source.suffix in LANGUAGES])
        print(f"{word}: in {len(named)} files", *named, sep="\n    ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
