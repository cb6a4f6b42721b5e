"""Tables of Markdown, and text between markers in the docs. Knows no figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

Row = Sequence[str]


def markdown_table(header: Row, rows: Iterable[Row]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


def markers(part: str) -> tuple[str, str]:
    """The markers before and after the figures of a part."""
    return f"<!-- bench-{part}:begin -->", f"<!-- bench-{part}:end -->"


def write_between_markers(path: Path, part: str, text: str) -> bool:
    """Replaces the text between the markers; False if the file does not have them, once and in order."""
    begin, end = markers(part)
    try:
        old = path.read_text()
    except FileNotFoundError:
        return False
    if old.count(begin) != 1 or old.count(end) != 1 or old.index(begin) > old.index(end):
        return False
    before, _, rest = old.partition(begin)
    after = rest.partition(end)[2]
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")
    return True
