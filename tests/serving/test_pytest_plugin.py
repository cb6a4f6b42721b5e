"""The fixture for tests of apps, in a run of pytest of its own; and that it costs nothing where it is not used."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from places import EXAMPLES, ROOT
from server_process import environment
from waiting import TIMEOUT_S

TESTS = """\
import urllib.request
import pytest
from turbo_shard import App

app = App()
urls = []

@app.get("/")
def hello() -> str:
    return "hello"

def read(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read()

def test_two_servers_at_once(turbo_shard_server):
    for settings in ({}, {"mode": "steal"}):
        urls.append(turbo_shard_server(app, **settings).url)
        assert read(urls[-1]) == b"hello"
    assert urls[0] != urls[1]

def test_both_have_stopped():
    for url in urls:
        with pytest.raises(OSError):
            read(url)
"""
LOADED = """\
import sys
def test_nothing_was_imported():
    loaded = [name for name in sys.modules if name.startswith("turbo_shard.")]
    assert loaded == ["turbo_shard.pytest_plugin"]
"""


def run_pytest(directory: Path, tests: str = "") -> subprocess.CompletedProcess[str]:
    if tests:
        (directory / "test_app.py").write_text(tests)
    # As pytest loads it by its entry point, where turbo-shard is installed.
    plugins = ("-p", "turbo_shard.pytest_plugin", "-p", "no:cacheprovider")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            *plugins,
            "--rootdir",
            str(directory),
            "-c",
            os.devnull,
            ".",
        ],
        cwd=directory,
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        capture_output=True,
        text=True,
        timeout=3 * TIMEOUT_S,
    )


def test_the_fixture_starts_servers_that_stop_with_the_test(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, TESTS)
    assert run.returncode == 0, run.stdout
    assert "2 passed" in run.stdout


def test_a_run_that_does_not_use_it_imports_nothing_for_it(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, LOADED)
    assert run.returncode == 0, run.stdout


def test_the_example_of_tests_passes() -> None:
    run = run_pytest(EXAMPLES)
    assert run.returncode == 0, run.stdout
    assert "5 passed" in run.stdout


def test_pytest_finds_it_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"turbo_shard": "turbo_shard.pytest_plugin"}
