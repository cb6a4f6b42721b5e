"""Tables for a terminal: what belongs to a column stands below each other. Knows no figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def aligned(header: Sequence[str], rows: Iterable[Sequence[str]], *, figures: bool = False) -> str:
    """With `figures`, all columns but the first are to the right."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])

    def placed(column: int, cell: str) -> str:
        return cell.rjust(widths[column]) if figures and column else cell.ljust(widths[column])

    return "\n".join(
        "  ".join(placed(column, cell) for column, cell in enumerate(line)).rstrip()
        for line in lines
    )
