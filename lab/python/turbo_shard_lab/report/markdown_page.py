"""Writes a report as Markdown: words and tables; the drawings are in the HTML. Does not choose the contents."""

from __future__ import annotations

import re

from ..results import Results
from .blocks import Block, Bullets, Charts, Code, Grouped, Heading, Paragraph, Table
from .document import document
from .markup import printable

SIGNS = {
    "plain": "",
    "win": "**better**: ",
    "loss": "**worse**: ",
    "same": "",
    "doubt": "**note**: ",
}
# Characters that Markdown would read as markup in the middle of a sentence.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def markdown(results: Results) -> str:
    page = document(results)
    parts = [f"# {inline(page.title)}", inline(page.subtitle)]
    parts += [written for block in page.blocks if (written := write(block))]
    return "\n\n".join(parts) + "\n"


def write(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {inline(block.text)}"
        case Paragraph():
            return f"*{inline(block.text)}*" if block.is_question else inline(block.text)
        case Bullets():
            return "\n".join(f"- {SIGNS[block.tone]}{inline(item)}" for item in block.items)
        case Grouped():
            return "\n".join(
                line
                for group in block.groups
                for line in (
                    f"- {SIGNS[block.tone]}{inline(group.title)}",
                    *(f"  - {inline(one)}" for one in group.lines),
                )
            )
        case Table():
            return table(block)
        case Code():
            return code(block)
        case Charts():
            return "\n\n".join(table(chart.table) for chart in block.charts if chart.table)


def inline(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(printable(text).split()))


def table(block: Table) -> str:
    lines = [block.header, ["---"] + ["---:"] * (len(block.header) - 1), *block.rows]
    if block.is_wordy:
        lines[1] = ["---"] * len(block.header)
    # The line of dashes is markup.
    written = [
        "| " + " | ".join(cells if number == 1 else map(inline, cells)) + " |"
        for number, cells in enumerate(lines)
    ]
    return f"{inline(block.caption)}:\n\n" + "\n".join(written)


def code(block: Code) -> str:
    text = "\n".join(map(printable, block.lines))
    # Longer than any fence within.
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}sh\n{text}\n{fence}"
