"""Runs what the documentation shows: its apps are imported and served, and must answer as it says."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from docs_blocks import PAGES, Example, comparable, curl, examples, run_client, turbo_shard
from places import COMMAND, ROOT
from places import EXAMPLES as EXAMPLES_DIR
from server_process import ServerProcess, run_command
from turbo_shard import App

EXAMPLES = [example for page in PAGES for example in examples(page)]
RUNNING = ROOT / "docs" / "running.md"
EXAMPLE_COMMANDS = re.findall(
    r"`\.venv/bin/turbo-shard (\S+) --app-dir examples`", (EXAMPLES_DIR / "README.md").read_text()
)


def only(examples: list[Example]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", examples, ids=[one.name for one in examples])


@only(EXAMPLES)
def test_shown_app_can_be_served(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "app.py"
    path.write_text(example.source)
    # Directories that examples serve.
    for name in ("public", "dist"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("shown_app", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Annotations are looked up in the module of this name.
    monkeypatch.setitem(sys.modules, "shown_app", module)
    spec.loader.exec_module(module)
    if example.is_native:
        assert isinstance(module.app, App)
        assert module.app.plans()
    else:
        assert callable(module.app)


@only([example for example in EXAMPLES if example.requests])
def test_shown_requests_are_answered_as_shown(example: Example, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(example.source)
    is_script = "serve(app" in example.source
    command = (sys.executable, str(tmp_path / "app.py")) if is_script else (str(COMMAND),)
    with ServerProcess(
        "app:app", *example.options, app_dir=tmp_path, command=command, variables={"PORT": "0"}
    ) as server:
        for step in example.requests:
            if step.command.startswith("curl "):
                printed = curl(step.command, server.port)
            else:
                printed = run_client(example.client, server.port)
            assert comparable(printed) == comparable(step.shown), step.command


@only([example for example in EXAMPLES if example.refusals])
def test_shown_mistakes_are_refused_as_shown(example: Example, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(example.source)
    for step in example.refusals:
        printed = turbo_shard(step.command, tmp_path)
        assert printed.replace(str(tmp_path), "/srv").strip() == step.shown, step.command


@only([example for example in EXAMPLES if example.lists])
def test_shown_lists_of_routes_are_printed_as_shown(example: Example, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(example.source)
    for step in example.lists:
        run = run_command(*step.command.split()[1:], cwd=tmp_path)
        assert run.stdout.strip() == step.shown, run.stderr


@pytest.mark.parametrize("app", EXAMPLE_COMMANDS)
def test_listed_example_starts_with_its_command(app: str, tmp_path: Path) -> None:
    if app.startswith("turboapi") and importlib.util.find_spec("turboapi") is None:
        pytest.skip("TurboAPI is not installed")
    variables = {"TODO_DATABASE": str(tmp_path / "todo.sqlite3")}
    with ServerProcess(app, app_dir=EXAMPLES_DIR, variables=variables) as server:
        assert server.url


def test_every_example_is_listed() -> None:
    listed = {app.partition(":")[0] for app in EXAMPLE_COMMANDS}
    tests = set(EXAMPLES_DIR.glob("*_test.py"))
    assert listed == {path.stem for path in EXAMPLES_DIR.glob("*.py") if path not in tests}


def test_every_feature_has_requests_that_are_run() -> None:
    assert sum(len(example.requests) for example in EXAMPLES) > 30
