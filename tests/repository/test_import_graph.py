"""Imports are read as the languages mean them, and circles of files are found."""

from __future__ import annotations

import pytest

from import_graph import ImportGraph, circles_of
from python_modules import python_modules
from rust_modules import rust_modules, without_tests

MANIFEST = '[package]\nname = "the-crate"\n'


def rust_needs(**files: str) -> dict[str, set[str]]:
    """The edges of a crate: `a__b` is the file a/b.rs."""
    texts = {f"src/{name.replace('__', '/')}.rs": text for name, text in files.items()}
    edges = ImportGraph(rust_modules({"Cargo.toml": MANIFEST, **texts})).edges()
    return {short(file): {short(other) for other in needed} for file, needed in edges.items()}


def short(path: str) -> str:
    return path.removeprefix("src/").removesuffix(".rs")


@pytest.mark.parametrize(
    "use",
    [
        "use crate::b::Thing;",
        "use super::b::Thing;",
        "use crate::{c, b::{self, Thing as Other}};",
        "fn f() { crate::b::g(); }",
        "use crate::b; fn f() { b::g(); }",
        "use super::*; fn f() { crate::b::g(); }",
        "fn f(thing: &the_crate::b::Thing) {}",
        "pub use crate::b::Thing; fn f() -> Thing {}",
    ],
)
def test_rust_file_needs_what_it_names(use: str) -> None:
    files = {"lib": "mod a; mod b; mod c;", "a": use, "b": "pub struct Thing;", "c": ""}
    assert "b" in rust_needs(**files)["a"]


@pytest.mark.parametrize(
    "text",
    [
        "// crate::b::Thing",
        '#[cfg(test)]\nmod tests { use crate::b::Thing; fn f() { let a = ["}"]; } }',
        "#[cfg(test)]\nuse crate::b::{self, Thing};",
        "#[cfg(test)]\n#[must_use]\nfn f(a: [u8; 2]) -> u8 { crate::b::g(); 1 }",
        "pub use crate::b::Thing;",
    ],
)
def test_comments_tests_and_what_is_only_passed_on_are_no_need(text: str) -> None:
    assert rust_needs(lib="mod a; mod b;", a=text, b="pub struct Thing;")["a"] == set()


def test_code_after_a_test_stays() -> None:
    assert "fn kept" in without_tests("#[cfg(test)] mod tests { fn gone() {} } fn kept() {}")
    assert "gone" not in without_tests("#[cfg(all(test, unix))] static gone: u8 = 1; fn kept() {}")


def test_a_name_is_followed_to_the_file_that_defines_it() -> None:
    needs = rust_needs(
        lib="mod a; mod rooms; pub use rooms::*;",
        a="use crate::Thing; use crate::rooms::Other;",
        rooms__mod="mod b; mod c; pub use b::Thing; pub(crate) use c::Other;",
        rooms__b="pub struct Thing;",
        rooms__c="pub struct Other;",
    )
    assert needs["a"] == {"rooms/b", "rooms/c"}
    assert needs["lib"] == needs["rooms/mod"] == set()


def test_what_a_face_passes_on_is_its_own() -> None:
    texts = {
        "one/Cargo.toml": MANIFEST,
        "one/src/lib.rs": "mod inner; pub use inner::Thing;",
        "one/src/inner.rs": "pub struct Thing;",
        "two/Cargo.toml": MANIFEST.replace("the-crate", "two"),
        "two/src/lib.rs": "use the_crate::Thing;",
    }
    modules = rust_modules(texts)
    behind = ImportGraph(modules).edges()
    assert behind["two/src/lib.rs"] == {"one/src/inner.rs"}
    in_front = ImportGraph(modules, faces=["the_crate"]).edges()
    assert in_front["two/src/lib.rs"] == {"one/src/lib.rs"}


def python_needs(file: str, text: str) -> set[str]:
    package = "python-bridge/python/shop"
    texts = {
        f"{package}/__init__.py": "from .things import Thing\nfrom .other import Other\nx = Other",
        f"{package}/things.py": "class Thing: ...",
        f"{package}/other.py": "class Other: ...",
        "tests/harness/waiting.py": "",
        "tests/beside/samples.py": "",
        "scripts/samples.py": "",
        file: text,
    }
    return ImportGraph(python_modules(texts)).edges()[file]


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("import shop.things", "things.py"),
        ("from .things import Thing", "things.py"),
        ("from . import things", "things.py"),
        ("from shop import Thing", "things.py"),
        ("from .things import *", "things.py"),
        ("def f():\n    from .things import Thing", "things.py"),
        ("if TYPE_CHECKING:\n    from .things import Thing", "things.py"),
    ],
)
def test_python_file_needs_what_it_imports(text: str, needed: str) -> None:
    package = "python-bridge/python/shop"
    assert python_needs(f"{package}/user.py", text) == {f"{package}/{needed}"}


def test_package_needs_only_what_it_uses_itself() -> None:
    package = "python-bridge/python/shop"
    file = f"{package}/__init__.py"
    text = "from .things import Thing\nfrom .other import Other\nx = Other"
    assert python_needs(file, text) == {f"{package}/other.py"}


def test_tests_find_what_is_beside_them_first() -> None:
    file = "tests/beside/test_it.py"
    found = {"tests/beside/samples.py", "tests/harness/waiting.py"}
    assert python_needs(file, "import samples\nfrom waiting import wait\nimport os") == found


@pytest.mark.parametrize(
    ("edges", "circles"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"c"}}, [["a", "b"], ["c", "d"]]),
        ({"a": {"b", "d"}, "b": {"c"}, "c": set(), "d": {"c"}}, []),
    ],
)
def test_circles_are_found(edges: dict[str, set[str]], circles: list[list[str]]) -> None:
    assert sorted(circles_of(edges)) == circles
