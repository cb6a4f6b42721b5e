"""The recorded options of other servers are those that the installed servers have, and that their help lists.

Apart from the other tests: `make test-peers` installs them (scripts/install_peers.sh) and runs it.
"""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from places import ROOT

PROGRAMS = ROOT / "target/peers/venv/bin"
RECORD = ROOT / "tests/cli/peer_options.json"


def printed(*command: str) -> str:
    return subprocess.run(
        command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, timeout=60
    ).stdout


def test_recorded_options_are_those_of_the_installed_servers() -> None:
    found = printed(str(PROGRAMS / "python"), str(ROOT / "scripts/peer_options.py"))
    assert json.loads(found) == json.loads(RECORD.read_text()), "`make peer-options` renews it"


def test_recorded_versions_are_the_pinned_ones() -> None:
    pins = (ROOT / "requirements/peers.txt").read_text().lower()
    for name, peer in json.loads(RECORD.read_text()).items():
        assert f"{name}=={peer['version']}\n" in pins


@pytest.mark.parametrize("peer", ["uvicorn", "granian", "gunicorn", "hypercorn"])
def test_options_that_help_lists_are_recorded(peer: str) -> None:
    recorded = json.loads(RECORD.read_text())[peer]["options"]
    text = printed(str(PROGRAMS / peer), "--help")
    # An option stands at the beginning of its line, or after a comma or a slash that follows another.
    lines = re.findall(r"^ +(-[-\w]+(?:[,/ ].*)?)$", text, re.MULTILINE)
    listed = {
        flag for line in lines for flag in re.findall(r"(?:^|, | / )(--?[a-zA-Z][\w-]*)", line[:79])
    }
    assert len(listed) > 20
    assert listed <= recorded.keys()
