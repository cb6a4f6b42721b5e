"""docs/deploy.md shows the files of examples/deploy as they are, and names options that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from places import EXAMPLES, ROOT
from turbo_shard.settings import OPTIONS

PAGE = (ROOT / "docs/deploy.md").read_text()
FILES = sorted((EXAMPLES / "deploy").iterdir())
# Of docker, systemctl, logrotate, the kubelet and kubectl, and of what the Dockerfile runs.
OF_OTHERS = {
    "--now", "--rm", "--stop-timeout", "--ulimit", "--cpuset-cpus", "--cpus", "--cpu-manager-policy", "--dry-run",
    "--no-cache", "--no-cache-dir", "--python", "--system", "--uid", "--user-group", "--from",
    "--debug", "--kill-whom", "--signal",
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_page_shows_the_file(path: Path) -> None:
    text = path.read_text()
    assert re.search(rf"^```\w+\n{re.escape(text)}```$", PAGE, flags=re.MULTILINE), (
        f"docs/deploy.md does not show {path} as it is"
    )


def test_page_shows_nothing_but_these_files() -> None:
    shown = re.findall(r"^```\w+\n", PAGE, flags=re.MULTILINE)
    assert len(shown) == len(FILES)


def test_options_on_the_page_and_in_its_files_exist() -> None:
    ours = {flag for option in OPTIONS for flag in option.flags}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE))
    assert named - ours - OF_OTHERS == set()
    assert {"--graceful-timeout", "--keep-alive-timeout", "--backlog"} <= named
