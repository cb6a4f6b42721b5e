"""The commands on the pages about measuring exist, with the options and scenarios that they name."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from places import ROOT
from server_process import environment
from waiting import TIMEOUT_S

PAGES = [
    ROOT / "docs" / f"{name}.md" for name in ("benchmark-faq", "methodology", "shard-or-steal")
]
# Their names there, and the command that prints their help.
PROGRAMS = {
    "turbo-shard ab": (sys.executable, "-m", "turbo_shard", "ab", "--help"),
    "turbo-shard": (sys.executable, "-m", "turbo_shard", "--help-all"),
    "turbo-load": (sys.executable, "-m", "turbo_shard_lab.load", "--help"),
    ".venv/bin/python bench/run.py": (sys.executable, str(ROOT / "bench" / "run.py"), "--help"),
}


def commands(page: Path) -> list[str]:
    """Every indented line, reduced to the command itself."""
    lines = re.findall(r"^    (\S.*)$", page.read_text(), flags=re.MULTILINE)
    return [line.removesuffix(" &") for line in lines]


SHOWN = [
    pytest.param(name, command, id=f"{page.stem}: {command}")
    for page in PAGES
    for command in commands(page)
    for name in PROGRAMS
    if re.match(rf"{re.escape(name)}(?! ab)( |$)", command)
]


@cache
def help_of(name: str) -> str:
    return subprocess.run(
        PROGRAMS[name],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    ).stdout


def test_there_are_commands() -> None:
    assert len(SHOWN) > 15


@pytest.mark.parametrize(("name", "command"), SHOWN)
def test_shown_command_has_only_options_that_exist(name: str, command: str) -> None:
    words = shlex.split(command)
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"{re.escape(option)}\b", help_of(name)), f"{option} is not in its help"
    if "--only" in words:
        wanted = words[words.index("--only") + 1 :]
        missing = [key for key in wanted if not (ROOT / f"bench/scenarios/{key}.toml").exists()]
        assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_shown_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    shown = {line.split()[1] for line in commands(page) if line.startswith("make ")}
    assert shown <= targets
