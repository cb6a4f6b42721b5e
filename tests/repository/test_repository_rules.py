"""Each rule of the repository can fail: a tiny tree that breaks it, and one that keeps it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from repository_rules import (
    FACADE_LINES_MAX,
    FILE_LINES_MAX,
    complaints_of,
    left_overs_of,
    sources_of,
)
from rust_imports import expand_use_tree, mentioned_paths

MARK = "TO" + "DO"
ODD = "a" + "new"


def rules_broken(root: Path, files: dict[str, str]) -> set[str]:
    """The rules that a repository with exactly these files breaks."""
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return {complaint.rule for complaint in complaints_of(root, sources_of(root))}


def rust(code: str = "") -> str:
    return f"//! Holds an example.\n{code}\n"


def crate(**files: str) -> dict[str, str]:
    """A protocol crate with these files."""
    folder = "runtime/protocol"
    return {
        f"{folder}/Cargo.toml": '[package]\nname = "turbo-shard-protocol"\n',
        f"{folder}/src/lib.rs": rust(
            "#![forbid(unsafe_code)]\n" + "".join(f"mod {name};" for name in files)
        ),
        **{f"{folder}/src/{name}.rs": rust(text) for name, text in files.items()},
    }


BROKEN = [
    ("file_length", {"a.py": '"""Long."""\n' + "x = 1\n" * FILE_LINES_MAX}),
    ("file_length", {"a.rs": rust("// x\n" * FILE_LINES_MAX)}),
    ("facade_size", {"src/lib.rs": rust("// x\n" * FACADE_LINES_MAX)}),
    ("facade_size", {"src/net/mod.rs": rust("// x\n" * FACADE_LINES_MAX)}),
    ("module_header", {"a.rs": "use std::fmt;\n"}),
    ("module_header", {"a.py": "import os\n"}),
    ("module_header", {"a/__init__.py": "import os\n"}),
    ("no_drawers", {"src/utils.rs": rust()}),
    ("no_drawers", {"helpers/request.py": '"""A request."""\n'}),
    ("borders", crate(chunked_decoder="use std::net::TcpStream;")),
    ("borders", crate(chunked_decoder="use std::{fmt, net::{self, TcpStream}};")),
    ("borders", crate(tick="fn f() { let now = std::time::Instant::now(); }")),
    ("borders", {"python-bridge/python/turbo_shard/app.py": '"""An app."""\nimport pytest\n'}),
    ("borders", {"somewhere/else.py": '"""In no layer."""\n'}),
    ("dependencies", {"runtime/Cargo.toml": '[dependencies]\npyo3 = "0.28"\n'}),
    ("dependencies", {"runtime/Cargo.toml": '[dev-dependencies]\npyo3 = "0.28"\n'}),
    ("dependencies", {"runtime/protocol/Cargo.toml": '[dependencies]\nsocket2 = "0.6"\n'}),
    (
        "dependencies",
        {"python-bridge/Cargo.toml": "[target.'cfg(unix)'.dependencies]\nio-uring = \"0.7\"\n"},
    ),
    ("circles", crate(event="use crate::limits::MAX;", limits="use crate::event::Event;")),
    ("markers_have_reasons", {"a.rs": rust(f"// {MARK}: later")}),
    ("markers_have_reasons", {"a.sh": f"# {MARK}() later\n"}),
    ("ignored_tests_have_reasons", {"a.rs": rust("#[ignore]\nfn f() {}")}),
    ("protocol_is_safe", {"runtime/protocol/src/lib.rs": rust("pub mod tick;")}),
    ("plain_words", {"a.md": f"It starts {ODD}.\n"}),
    ("plain_words", {"a.rs": rust(f"fn started_{ODD}_at_once() {{}}")}),
    ("plain_words", {"a.toml": f'title = "{ODD.title()}"\n'}),
    ("no_machine_traces", {"a.md": "see " + "/home/" + "somebody/notes\n"}),
    ("no_machine_traces", {"a.sh": f"cd /{'root'}/project\n"}),
    ("no_machine_traces", {"a.toml": 'index = "https://' + 'pypi.corp.internal/simple"\n'}),
    ("no_machine_traces", {"a.sh": "curl http://" + "mirror.corp.internal/debian\n"}),
    ("lock_names_public_registry", {"Cargo.lock": 'source = "registry+https://corp.test/i"\n'}),
]

KEPT = [
    {"scripts/a.py": '"""Just fits."""\n' + "x = 1\n" * (FILE_LINES_MAX - 1)},
    {"notes.md": "line\n" * 1000},
    {"scripts/a/__init__.py": ""},
    {"src/utilisation.rs": rust()},
    {"a.md": "A panewall, renewed; the client who asks.\n"},
    crate(tick="// Knows no tokio::net.\nuse std::time::Duration;\nuse core::net::Ipv6Addr;"),
    crate(tick='const A: &str = "use std::net::TcpStream;";'),
    crate(event="use crate::limits::MAX;", limits=""),
    {"runtime/Cargo.toml": '[dependencies]\ntokio = "1"\n[dev-dependencies]\nsocket2 = "0.6"\n'},
    {"python-bridge/Cargo.toml": '[dependencies]\npyo3 = "0.28"\n'},
    {"a.rs": rust(f"// {MARK}(needs a 6.1 kernel in CI): test it")},
    {"a.rs": rust('#[ignore = "takes an hour"]\nfn f() {}')},
    {"runtime/protocol/src/lib.rs": rust("#![forbid(unsafe_code)]\npub mod tick;")},
    {"a.md": "https://example.com/home/user/ and http://proxy.test/ and $HOME/.cargo\n"},
    {"Cargo.lock": 'source = "registry+https://github.com/rust-lang/crates.io-index"\n'},
]


@pytest.mark.parametrize(("rule", "files"), BROKEN)
def test_broken_rule_is_found(tmp_path: Path, rule: str, files: dict[str, str]) -> None:
    assert rule in rules_broken(tmp_path, files)


@pytest.mark.parametrize("files", KEPT)
def test_tidy_tree_has_no_complaints(tmp_path: Path, files: dict[str, str]) -> None:
    assert rules_broken(tmp_path, files) == set()


def test_place_of_the_checkout_is_found(tmp_path: Path) -> None:
    broken = rules_broken(tmp_path, {"a.sh": f"cd {tmp_path}/src\n"})
    assert broken == {"no_machine_traces"}


def test_ignored_and_binary_files_are_not_judged(tmp_path: Path) -> None:
    (tmp_path / "picture.rs").write_bytes(b"\0\1")
    assert rules_broken(tmp_path, {".gitignore": "/target/\n", "target/utils.rs": "x"}) == set()


@pytest.mark.parametrize(
    ("tree", "paths"),
    [
        ("a::b", ["a::b"]),
        ("::a::b as c", ["a::b"]),
        ("a::*", ["a"]),
        ("a::{b, c::{self, d as e}}", ["a::b", "a::c", "a::c::d"]),
        ("{a, b::c,}", ["a", "b::c"]),
    ],
)
def test_use_tree_names_every_branch(tree: str, paths: list[str]) -> None:
    assert expand_use_tree(tree) == paths


@pytest.mark.parametrize(
    "text",
    [
        "// std::net::TcpStream",
        "/* std::net\n::x */",
        'let a = "\\" std::net::x";',
        'let a = r#"" std::net::x"#;',
        "let a = '\"'; // std::net::x",
    ],
)
def test_comments_and_literals_name_nothing(text: str) -> None:
    assert mentioned_paths(text) == set()


def test_code_after_a_quote_literal_is_read() -> None:
    assert mentioned_paths("let a = '\"'; std::net::x(); let b = '\"';") == {"std::net::x"}


def test_a_committed_file_that_is_ignored_is_a_left_over(tmp_path: Path) -> None:
    rules_broken(tmp_path, {"app.sqlite3": "", "kept.txt": ""})
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    assert left_overs_of(tmp_path) == []
    (tmp_path / ".gitignore").write_text("*.sqlite3\n")
    assert left_overs_of(tmp_path) == ["app.sqlite3"]
