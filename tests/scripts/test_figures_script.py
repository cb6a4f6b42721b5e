"""`make figures`: what it counts, on small sources, and that its command runs on the repository."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import figures
from places import ROOT

RUST = """//! Holds an example.

/// Adds.
fn add(a: u8) -> u8 {
    // Because.
    let brace = "}"; // and so on
    a + 1
}

trait Adding {
    fn declared(&self);
}
"""
PYTHON = '''"""Holds an example."""

# Because.
def outer() -> str:
    """Adds."""

    def inner() -> str:
        return """
# no comment
"""
    return inner()
'''


@pytest.mark.parametrize(
    ("path", "text", "kinds"),
    [
        ("a.rs", RUST, {"code": 7, "comment": 3, "blank": 2}),
        ("a.py", PYTHON, {"code": 6, "comment": 3, "blank": 2}),
    ],
)
def test_lines_are_code_comment_or_blank(path: str, text: str, kinds: dict[str, int]) -> None:
    assert figures.kinds_of_lines(figures.Source(path, text)) == kinds


@pytest.mark.parametrize(
    ("path", "text", "functions"),
    [("a.rs", RUST, [("add", 5)]), ("a.py", PYTHON, [("outer", 8), ("inner", 4)])],
)
def test_functions_are_measured_from_first_to_last_line(
    path: str, text: str, functions: list[tuple[str, int]]
) -> None:
    found = [(one.name, one.lines) for one in figures.functions_of(figures.Source(path, text))]
    assert found == functions


def test_words_are_found_as_a_whole() -> None:
    sources = [
        figures.Source("a.py", "keep_alive = 1"),
        figures.Source("b.rs", "let keep_alive_s = 2;"),
    ]
    assert figures.files_that_name("keep_alive", sources) == ["a.py"]


def test_command_prints_every_figure() -> None:
    command = [sys.executable, str(ROOT / "scripts/figures.py"), "FIGURES_ARGS_OF_NOBODY", "main"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (run.returncode, run.stderr) == (0, "")
    for line in (
        r"^runtime/src/shard +\d+ +[\d,]+ +[\d,]+ +[\d,]+$",
        r"^all +[\d,]+ +[\d,]+ +[\d,]+ +[\d,]+$",
        r"^circles of imports: \d+$",
        r"^longest file: \S+\.(rs|py), \d+ lines$",
        r"^functions of more than 60 lines: \d+ of [\d,]+$",
        r"^wheel: ",
        r"^main: in \d+ files$",
    ):
        assert re.search(line, run.stdout, re.MULTILINE), line
