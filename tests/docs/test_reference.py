"""The tables of docs/running.md that are made of declarations are as `make reference` writes them."""

from __future__ import annotations

import pytest

import reference


def test_page_is_as_the_command_writes_it() -> None:
    text = reference.PAGE.read_text()
    assert text == reference.page_with_tables(text), "run `make reference`"


def test_declared_counters_stand_on_the_page() -> None:
    text = reference.PAGE.read_text()
    for counter in (*reference.SHARD_ROWS, *reference.GC_ROWS):
        assert f"| `{counter.name}` | {counter.kind} | " in text


@pytest.mark.parametrize("part", reference.PARTS)
def test_page_without_markers_is_refused(part: str) -> None:
    text = reference.PAGE.read_text().replace(f"<!-- {part}:begin -->", "")
    with pytest.raises(SystemExit, match=f"has lost its markers of {part}"):
        reference.page_with_tables(text)
