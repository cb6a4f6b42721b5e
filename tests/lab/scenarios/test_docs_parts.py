"""The docs change only between their markers, and reports name no place on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from turbo_shard_lab.command_text import command_line, without_traces
from turbo_shard_lab.report.pages import markers, write_between_markers

BEGIN, END = markers("smoke")


def test_only_what_is_between_the_markers_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert write_between_markers(page, "smoke", "new")
    once = page.read_text()
    assert write_between_markers(page, "smoke", "new")
    assert page.read_text() == once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}" * 2])
def test_a_page_without_clear_markers_is_left_alone(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert not write_between_markers(page, "smoke", "new")
    assert page.read_text() == text


def test_a_missing_page_is_reported(tmp_path: Path) -> None:
    assert not write_between_markers(tmp_path / "none.md", "smoke", "new")


def test_reports_do_not_name_places_on_this_machine() -> None:
    here = Path.cwd()
    told = without_traces(
        f"{here}/bench failed, see {Path.home()}/log and https://packages.example/simple"
    )
    assert str(here) not in told and "packages.example" not in told
    assert command_line(["a/b", "it's", "{n}"]) == "a/b 'it'\\''s' '{n}'"
