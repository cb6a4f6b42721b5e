"""The tables of docs/ that are made of declarations are as `make reference` writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

import reference

RUNNING = reference.DOCS / "running.md"
PARTS = [(page, part) for page, parts in reference.PAGES.items() for part in parts]


@pytest.mark.parametrize("page", reference.PAGES, ids=lambda page: page.name)
def test_page_is_as_the_command_writes_it(page: Path) -> None:
    text = page.read_text()
    assert text == reference.page_with_tables(page, text), "run `make reference`"


def test_declared_counters_stand_on_the_page() -> None:
    text = RUNNING.read_text()
    for counter in (*reference.SHARD_ROWS, *reference.GC_ROWS):
        assert f"| `{counter.name}` | {counter.kind} | " in text


@pytest.mark.parametrize(("page", "part"), PARTS)
def test_page_without_markers_is_refused(page: Path, part: str) -> None:
    text = page.read_text().replace(f"<!-- {part}:begin -->", "")
    with pytest.raises(SystemExit, match=f"has lost its markers of {part}"):
        reference.page_with_tables(page, text)
