"""Every file and folder that the documentation names exists, and so does what it links to."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from places import ROOT

FILES = subprocess.run(
    [
        "git",
        "-c",
        f"safe.directory={ROOT}",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ],
    cwd=ROOT,
    check=True,
    capture_output=True,
    text=True,
).stdout.split("\0")[:-1]
TREE = {file for file in FILES if (ROOT / file).exists()}
FOLDERS = {str(folder) for file in TREE for folder in Path(file).parents} - {"."}
PAGES = sorted(
    file for file in TREE if file.endswith(".md") and not file.startswith("bench/results/")
)

# Pages about this repository name its files by their last parts. Others also name files that a user has.
ABOUT_THE_REPOSITORY = {"docs/architecture.md", "CONTRIBUTING.md", "SECURITY.md"}

NAMED = re.compile(r"`([\w.*{},/-]+)`")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
SUFFIXES = (".rs", ".py", ".toml", ".sh", ".md", ".txt", ".json", ".pyi")
TEST = re.compile(r"(?<![\w/`])[\w/]*\btest_\w+\.py\b")
# Made by a build or a run, so not in the repository; and a name in capitals, which stands for any.
ELSEWHERE = re.compile(r"(target|\.venv)/|.*/[A-Z]+/")


def paths_named(page: str) -> list[str]:
    """Paths of this repository by their form: in backticks, outside of code blocks; a test's file anywhere."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE)
    top = {file.partition("/")[0] + "/" for file in TREE if "/" in file}
    named = [name for name in NAMED.findall(text) if not ELSEWHERE.match(name)]
    if page in ABOUT_THE_REPOSITORY:
        return [
            name
            for name in named
            if name.endswith(SUFFIXES) or re.fullmatch(r"[\w.-]+(/[\w.-]*)+", name)
        ]
    return [name for name in named if name.startswith(tuple(top))] + TEST.findall(text)


def exists(name: str) -> bool:
    """As a whole path, or as the end of one; `*` stands for a part of a name."""
    pattern = re.escape(name.rstrip("/")).replace(r"\*", "[^/]*")
    whole = re.compile(rf"(?:.*/)?{pattern}")
    return any(map(whole.fullmatch, FOLDERS if name.endswith("/") else TREE | FOLDERS))


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    assert [name for name in paths_named(page) if not exists(name)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    broken = []
    for target, section in LINK.findall(text):
        file = (ROOT / page).parent / target if target else ROOT / page
        if not file.exists():
            broken.append(target)
        elif section and file.suffix == ".md" and section not in sections_of(file.read_text()):
            broken.append(f"{target}#{section}")
    assert broken == []


def sections_of(text: str) -> set[str]:
    """The anchors that GitHub makes of headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    }


def test_a_name_without_a_file_is_seen() -> None:
    assert not exists("no_such_file.rs")
    assert not exists("tests/no_such_folder/")
    assert exists("docs/architecture.md")
    assert exists("architecture.md")
    assert exists("docs/*.md")
