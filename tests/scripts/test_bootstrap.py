"""The set-up scripts say in one line what is wrong; they never take a wrong interpreter silently."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from places import ROOT

SCRIPTS = ROOT / "scripts"
IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

# Tools that the scripts call and every machine has.
BASE_TOOLS = ["bash", "cat", "cut", "dirname", "env", "head", "id", "mktemp", "sed", "sort", "tail"]


def run_script(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        key: value
        for key, value in os.environ.items()
        if key not in {"PYTHON", "TURBO_SHARD_ALLOW_GIL"}
    }
    return subprocess.run(
        ["bash", str(SCRIPTS / name)],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def bare_path(folder: Path) -> Path:
    """A folder for PATH with the base tools alone: no cargo, no compiler, no apt."""
    folder.mkdir()
    for tool in BASE_TOOLS:
        (folder / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    return folder


def gil_python(folder: Path) -> Path:
    """An interpreter that works but denies being free-threaded."""
    return program(
        folder,
        "python-with-gil",
        f'case "$*" in *Py_GIL_DISABLED*) exit 1;; esac\nexec {sys.executable} "$@"',
    )


@pytest.mark.parametrize(
    ("python", "complaint"),
    [
        ("/nowhere/python3.13t", "there is no such program"),
        ("/bin/true", "not a Python interpreter"),
        ("/bin/false", "does not start"),
    ],
)
def test_unusable_python_is_refused_in_one_line(python: str, complaint: str) -> None:
    run = run_script("find_python.sh", PYTHON=python)
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith(f"error: PYTHON={python} cannot be used: ")
    assert complaint in run.stderr
    assert run.stderr.count("\n") == 1


def test_python_that_lacks_a_module_is_refused_by_its_name(tmp_path: Path) -> None:
    python = program(
        tmp_path, "python", "echo \"ModuleNotFoundError: No module named '_ssl'\" >&2; exit 1"
    )
    assert "No module named '_ssl'" in run_script("find_python.sh", PYTHON=str(python)).stderr


def test_python_with_gil_is_refused(tmp_path: Path) -> None:
    run = run_script("find_python.sh", PYTHON=str(gil_python(tmp_path)))
    assert run.returncode == 1
    assert "is not free-threaded" in run.stderr
    assert "TURBO_SHARD_ALLOW_GIL=1" in run.stderr


def test_python_with_gil_is_taken_when_allowed(tmp_path: Path) -> None:
    python = str(gil_python(tmp_path))
    run = run_script("find_python.sh", PYTHON=python, TURBO_SHARD_ALLOW_GIL="1")
    assert (run.returncode, run.stdout) == (0, f"{python}\n")


@pytest.mark.skipif(not IS_FREE_THREADED, reason="this Python has a GIL")
def test_named_python_is_taken() -> None:
    assert run_script("find_python.sh", PYTHON=sys.executable).stdout == f"{sys.executable}\n"


@pytest.mark.skipif(not IS_FREE_THREADED, reason="this Python has a GIL")
def test_shim_that_only_complains_is_passed_over(tmp_path: Path) -> None:
    folder = bare_path(tmp_path / "bin")
    program(folder, "python3.14t", 'echo "python3.14t: command not found" >&2; exit 127')
    (folder / "python3.13t").symlink_to(sys.executable)
    run = run_script("find_python.sh", PATH=str(folder))
    assert run.stdout == f"{folder}/python3.13t\n"
    assert "not using" in run.stderr


def test_without_any_source_of_python_it_says_what_to_do(tmp_path: Path) -> None:
    folder = bare_path(tmp_path / "bin")
    run = run_script("find_python.sh", PATH=str(folder), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert run.returncode == 1
    assert "set PYTHON=" in run.stderr
    assert "install uv" in run.stderr


def test_half_made_interpreter_in_the_cache_is_not_taken(tmp_path: Path) -> None:
    half_made = tmp_path / "cache/turbo-shard/cpython-3.13.5t/bin"
    half_made.mkdir(parents=True)
    program(half_made, "python3.13t", "exit 1")
    folder = bare_path(tmp_path / "bin")
    assert (
        run_script(
            "find_python.sh", PATH=str(folder), XDG_CACHE_HOME=str(tmp_path / "cache")
        ).returncode
        == 1
    )


def test_missing_cargo_is_named(tmp_path: Path) -> None:
    run = run_script("check_toolchain.sh", PATH=str(bare_path(tmp_path / "bin")))
    assert run.returncode == 1
    assert run.stderr.startswith("error: cargo is missing; install Rust ")
    assert run.stderr.count("\n") == 1


def test_old_rustc_is_named_with_the_version_needed(tmp_path: Path) -> None:
    folder = bare_path(tmp_path / "bin")
    program(folder, "cargo", "")
    program(folder, "rustc", "echo 'rustc 1.63.0 (fictitious 2022-08-11)'")
    run = run_script("check_toolchain.sh", PATH=str(folder))
    assert run.returncode == 1
    assert "rustc 1.63.0 is too old; install Rust 1." in run.stderr


def test_missing_compiler_is_named(tmp_path: Path) -> None:
    folder = bare_path(tmp_path / "bin")
    program(folder, "cargo", "")
    program(folder, "rustc", "echo 'rustc 1.999.0 (fictitious)'")
    run = run_script("check_toolchain.sh", PATH=str(folder))
    assert run.returncode == 1
    assert "a C compiler (cc) is missing" in run.stderr


def test_unknown_option_is_refused() -> None:
    run = subprocess.run(
        ["bash", str(SCRIPTS / "bootstrap.sh"), "--fast"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert "unknown option --fast" in run.stderr
