"""The lab is a distribution of its own: the server does not know it, and says how to get it where it is missing."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from places import ROOT
from server_process import run_command
from turbo_shard.cli.commands import COMMANDS

SERVER = ROOT / "python-bridge" / "python" / "turbo_shard"
# For Python's start: afterwards no module of the lab is found.
HIDING = """\
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "turbo_shard_lab":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""


@pytest.fixture
def without_lab(tmp_path: Path) -> dict[str, str]:
    """Variables with which a command finds no lab."""
    (tmp_path / "sitecustomize.py").write_text(HIDING)
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize(
    "arguments", [("ab", "app:app"), ("ab", "--help"), ("simulate",), ("simulate", "--help")]
)
def test_without_the_lab_its_commands_say_how_to_get_it(
    without_lab: dict[str, str], arguments: tuple[str, ...]
) -> None:
    run = run_command(*arguments, **without_lab)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == (
        f"turbo-shard: error: `turbo-shard {arguments[0]}` is part of the lab, which is not installed; "
        "pip install 'turbo-shard[lab]' installs it\n"
    )


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("doctor", "--help")])
def test_everything_else_works_without_the_lab(
    without_lab: dict[str, str], arguments: tuple[str, ...]
) -> None:
    run = run_command(*arguments, **without_lab)
    assert (run.returncode, run.stderr) == (0, "")


def test_an_import_that_fails_within_the_lab_is_not_a_missing_lab(tmp_path: Path) -> None:
    (tmp_path / "turbo_shard_lab").mkdir()
    (tmp_path / "turbo_shard_lab" / "__init__.py").write_text("import nowhere_to_be_found\n")
    run = run_command("ab", "--help", PYTHONPATH=str(tmp_path))
    assert "No module named 'nowhere_to_be_found'" in run.stderr
    assert "pip install" not in run.stderr


def imports_of(source: Path) -> set[str]:
    tree = ast.walk(ast.parse(source.read_text()))
    found: set[str] = set()
    for node in tree:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module or "")
    return found


def test_the_server_never_imports_the_lab() -> None:
    sources = sorted(SERVER.rglob("*.py"))
    assert len(sources) > 50
    importing = [
        one.name for one in sources if any("turbo_shard_lab" in name for name in imports_of(one))
    ]
    assert importing == []
    naming = [one.name for one in sources if "turbo_shard_lab" in one.read_text()]
    assert naming == ["commands.py"]


def test_the_commands_of_the_lab_are_there() -> None:
    places = {name: command.place for name, command in COMMANDS.items()}
    of_the_lab = {name for name, place in places.items() if place.startswith("turbo_shard_lab.")}
    assert of_the_lab == {"ab", "simulate"}


def toml(*path: str) -> dict[str, Any]:
    return tomllib.loads(ROOT.joinpath(*path).read_text())


def test_both_distributions_have_one_version() -> None:
    version = toml("Cargo.toml")["workspace"]["package"]["version"]
    server, lab = toml("pyproject.toml")["project"], toml("lab", "pyproject.toml")["project"]
    assert server["optional-dependencies"]["lab"] == [f"{lab['name']}=={version}"]
    assert lab["dependencies"] == [f"{server['name']}=={version}"]


def test_the_servers_module_links_nothing_of_the_lab() -> None:
    manifest = (ROOT / "python-bridge" / "Cargo.toml").read_text()
    assert not re.search(r"turbo-load|turbo-shard-simulation|\.\./lab/", manifest)
    runtime = (ROOT / "runtime" / "Cargo.toml").read_text()
    assert "lab/" not in runtime


def test_the_wheel_is_built_again_when_a_crate_of_it_changes() -> None:
    """scripts/install_wheel.sh names the places that each wheel is made from."""
    script = (ROOT / "scripts" / "install_wheel.sh").read_text()
    for package, manifests in (("turbo_shard", "python-bridge"), ("turbo_shard_lab", "lab")):
        (line,) = re.findall(rf"^install_wheel {package} (.*)$", script, re.MULTILINE)
        places = [ROOT / place for place in line.split()[2:]]
        found = list(crates_of(ROOT / manifests))
        assert found
        missing = [str(one) for one in found if not any(one.is_relative_to(at) for at in places)]
        assert not missing


def crates_of(folder: Path) -> set[Path]:
    """The folders of the crates below, and of those that they depend on."""
    found: set[Path] = set()
    left = [manifest.parent for manifest in folder.rglob("Cargo.toml")]
    while left:
        crate = left.pop()
        if crate not in found:
            found.add(crate)
            needs = tomllib.loads((crate / "Cargo.toml").read_text()).get("dependencies", {})
            left += [
                (crate / one["path"]).resolve()
                for one in needs.values()
                if isinstance(one, dict) and "path" in one
            ]
    return found
