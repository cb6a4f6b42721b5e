"""Which paths a Rust file names, in `use` trees and in code. A reader for the import map, not a parser of Rust."""

from __future__ import annotations

import re

# Comments, strings and character literals; earlier ones hide later ones.
_NOT_CODE = re.compile(
    r"""
    //[^\n]*
  | /\*.*?\*/
  | b?r(?P<hashes>\#*)".*?"(?P=hashes)
  | b?"(?:\\.|[^"\\])*"
  | b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[0-9a-fA-F]+\}|.)|[^'\\\n])'
    """,
    re.VERBOSE | re.DOTALL,
)
_USE = re.compile(r"\buse\s+([^;]+);")
_EXTERN_CRATE = re.compile(r"\bextern\s+crate\s+(\w+)")
_PATH = re.compile(r"(?<![\w:])(?:::\s*)?(?:r#)?([A-Za-z_]\w*(?:\s*::\s*[A-Za-z_]\w*)+)")


def code_of(text: str) -> str:
    """The text without comments and literals; line numbers stay."""
    return _NOT_CODE.sub(lambda match: " " + "\n" * match[0].count("\n"), text)


def mentioned_paths(text: str) -> set[str]:
    """Every path of two or more parts in the code, and every path that a `use` brings in."""
    code = code_of(text)
    paths = {re.sub(r"\s+", "", match) for match in _PATH.findall(code)}
    for tree in _USE.findall(code):
        paths.update(expand_use_tree(tree))
    paths.update(_EXTERN_CRATE.findall(code))
    return paths


def expand_use_tree(tree: str) -> list[str]:
    """`a::{b, c::{self, d as e}}` names a::b, a::c and a::c::d."""
    return [path for path, _ in named_by_use_tree(tree)]


def named_by_use_tree(tree: str) -> list[tuple[str, str]]:
    """Each path of the tree and the name that it has from then on; `*` for all that the path holds."""
    tree = re.sub(r"\s+as\s+", "@", tree)
    tree = re.sub(r"\s+", "", tree).removeprefix("::")
    return [_named(path) for path in _expand(tree)]


def _named(path: str) -> tuple[str, str]:
    path, _, alias = path.partition("@")
    if path.endswith("::*"):
        return path.removesuffix("::*"), "*"
    path = path.removesuffix("::self")
    return path, alias or path.rpartition("::")[2]


def _expand(tree: str) -> list[str]:
    head, brace, rest = tree.partition("{")
    if not brace:
        return [head]
    return [
        head + path
        for branch in _split_branches(rest.removesuffix("}"))
        for path in _expand(branch)
    ]


def _split_branches(text: str) -> list[str]:
    branches, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in "{}":
            depth += 1 if character == "{" else -1
        elif character == "," and depth == 0:
            branches.append(text[start:position])
            start = position + 1
    branches.append(text[start:])
    return [branch for branch in branches if branch]
