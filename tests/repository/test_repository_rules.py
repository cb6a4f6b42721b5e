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

PROTOCOL = "runtime/protocol/src/chunked_decoder.rs"
ENGINE = "runtime/src/engine"
MARK = "TO" + "DO"


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
    ("layer_imports", {PROTOCOL: rust("use std::net::TcpStream;")}),
    ("layer_imports", {PROTOCOL: rust("use std::{fmt, net::{self, TcpStream}};")}),
    ("layer_imports", {PROTOCOL: rust("fn f() { let now = std::time::Instant::now(); }")}),
    ("layer_imports", {PROTOCOL: rust("use std::time::{Duration, SystemTime};")}),
    ("layer_imports", {PROTOCOL: rust("use std::thread;")}),
    ("layer_imports", {PROTOCOL: rust("use tokio::io::AsyncRead;")}),
    ("layer_imports", {"runtime/src/net/listener.rs": rust("use turbo_shard_protocol::Event;")}),
    ("layer_imports", {"runtime/src/shard/drain.rs": rust("use pyo3::prelude::*;")}),
    ("layer_imports", {"runtime/tests/contract.rs": rust("use pyo3::Python;")}),
    ("layer_imports", {"python-bridge/src/errors.rs": rust("use tokio::net::TcpListener;")}),
    ("layer_imports", {"python-bridge/src/errors.rs": rust("fn f(s: &socket2::Socket) {}")}),
    ("layer_dependencies", {"runtime/Cargo.toml": '[dependencies]\npyo3 = "0.28"\n'}),
    ("layer_dependencies", {"runtime/protocol/Cargo.toml": '[dependencies]\nsocket2 = "0.6"\n'}),
    (
        "layer_dependencies",
        {"python-bridge/Cargo.toml": "[target.'cfg(unix)'.dependencies]\nio-uring = \"0.7\"\n"},
    ),
    (
        "engines_apart",
        {
            f"{ENGINE}/glommio/engine.rs": rust("use crate::engine::uring::ring::Ring;"),
            f"{ENGINE}/uring/ring.rs": rust(),
        },
    ),
    (
        "engines_apart",
        {
            f"{ENGINE}/tokio/engine.rs": rust("use crate::engine::{self, simulation::Clock};"),
            f"{ENGINE}/simulation/clock.rs": rust(),
        },
    ),
    ("markers_have_reasons", {"a.rs": rust(f"// {MARK}: later")}),
    ("markers_have_reasons", {"a.sh": f"# {MARK}() later\n"}),
    ("ignored_tests_have_reasons", {"a.rs": rust("#[ignore]\nfn f() {}")}),
    ("protocol_is_safe", {"runtime/protocol/src/lib.rs": rust("pub mod tick;")}),
    ("no_machine_traces", {"a.md": "see " + "/home/" + "somebody/notes\n"}),
    ("no_machine_traces", {"a.sh": f"cd /{'root'}/project\n"}),
    ("no_machine_traces", {"a.toml": 'index = "https://' + 'pypi.corp.internal/simple"\n'}),
    ("no_machine_traces", {"a.sh": "curl http://" + "mirror.corp.internal/debian\n"}),
    ("lock_names_public_registry", {"Cargo.lock": 'source = "registry+https://corp.test/i"\n'}),
]

KEPT = [
    {"a.py": '"""Just fits."""\n' + "x = 1\n" * (FILE_LINES_MAX - 1)},
    {"notes.md": "line\n" * 1000},
    {"a/__init__.py": ""},
    {"src/utilisation.rs": rust()},
    {PROTOCOL: rust("// Knows no tokio::net.\nuse std::time::Duration;\nuse core::net::Ipv6Addr;")},
    {PROTOCOL: rust('const A: &str = "use std::net::TcpStream;";')},
    {"runtime/src/net/listener.rs": rust("use std::net::SocketAddr;\nuse socket2::Socket;")},
    {"runtime/Cargo.toml": '[dependencies]\ntokio = "1"\n[dev-dependencies]\nsocket2 = "0.6"\n'},
    {"python-bridge/Cargo.toml": '[dependencies]\npyo3 = "0.28"\n'},
    {
        f"{ENGINE}/uring/engine.rs": rust(
            "use crate::engine::{plan::EngineError, uring::buffers::Slot};"
        ),
        f"{ENGINE}/uring/buffers.rs": rust("use crate::engine::uring::ring::Ring;"),
        f"{ENGINE}/glommio/engine.rs": rust("use glommio::LocalExecutor;"),
        f"{ENGINE}/registry.rs": rust("use crate::engine::{glommio, uring};"),
    },
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
