"""Writes a report as one HTML page that needs nothing else: no script, no font, no other file. Chooses nothing."""

from __future__ import annotations

import re

from ..results import Results
from .blocks import (
    Block,
    Bullets,
    Chart,
    Charts,
    Code,
    Document,
    Grouped,
    Heading,
    Key,
    Paragraph,
    Table,
)
from .document import document
from .markup import escaped
from .style_sheet import style_sheet

# For screen readers and print: a finding does not depend on its colour alone.
SIGNS = {
    "plain": "",
    "win": "better",
    "loss": "worse",
    "same": "no difference shown",
    "doubt": "note",
}

_UNIT = re.compile(r"(\d) (%|µs|ms|s|MB|KB|times)(?!\w)")


def html(results: Results) -> str:
    page = document(results)
    body = "\n".join(map(write, page.blocks))
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        # An empty icon: without it a browser asks the server for one.
        '<link rel="icon" href="data:,">\n'
        f"<title>{escaped(page.title)}</title>\n<style>\n{style_sheet()}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{words(page.title)}</h1>\n<p>{escaped(page.subtitle)}</p>\n</header>\n"
        f"{contents(page)}\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def words(text: str) -> str:
    """Escaped, and with figures that stay on one line with their units."""
    return _UNIT.sub("\\1\u00a0\\2", escaped(text))


def contents(page: Document) -> str:
    links = "".join(
        f'<li><a href="#{escaped(block.anchor)}">{words(block.text)}</a></li>'
        for block in page.blocks
        if isinstance(block, Heading) and block.level == 2
    )
    return f'<nav aria-label="Contents"><ol>{links}</ol></nav>'


def write(block: Block) -> str:
    match block:
        case Heading():
            anchor = escaped(block.anchor)
            return f'<h{block.level} id="{anchor}">{words(block.text)}</h{block.level}>'
        case Paragraph():
            css_class = ' class="question"' if block.is_question else ""
            return f"<p{css_class}>{words(block.text)}</p>"
        case Bullets():
            return bullets(block)
        case Grouped():
            return grouped(block)
        case Table():
            return table(block)
        case Code():
            lines = "\n".join(map(escaped, block.lines))
            return f'<pre tabindex="0"><code>{lines}</code></pre>'
        case Charts():
            return charts(block)


def bullets(block: Bullets) -> str:
    sign = SIGNS[block.tone]
    spoken = f'<span class="sign">{sign}</span> ' if sign else ""
    items = "".join(f"<li>{spoken}<span>{words(item)}</span></li>" for item in block.items)
    return f'<ul class="{block.tone}">{items}</ul>'


def grouped(block: Grouped) -> str:
    items = "".join(
        f'<li><span class="sign">{SIGNS[block.tone]}</span> '
        f'<a href="#{escaped(group.anchor)}">{words(group.title)}</a>'
        f"<ul>{''.join(f'<li>{words(one)}</li>' for one in group.lines)}</ul></li>"
        for group in block.groups
    )
    return f'<ul class="{block.tone}">{items}</ul>'


def table(block: Table) -> str:
    header = "".join(f'<th scope="col">{escaped(name)}</th>' for name in block.header)
    rows = "".join(
        f'<tr><th scope="row">{escaped(first)}</th>'
        + "".join(f"<td>{words(cell)}</td>" for cell in cells)
        + "</tr>"
        for first, *cells in block.rows
    )
    css_class = ' class="words"' if block.is_wordy else ""
    caption = escaped(block.caption)
    # A wide table scrolls by itself, also with the keyboard, and leaves the page where it is.
    return (
        f'<div class="scrolled" role="region" aria-label="{caption}" tabindex="0"><table{css_class}>'
        f"<caption>{caption}</caption><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def charts(block: Charts) -> str:
    drawn = "".join(map(figure, block.charts))
    return f'{legend(block.keys)}<div class="charts">{drawn}</div>' if drawn else ""


def legend(keys: tuple[Key, ...]) -> str:
    items = "".join(f"<li>{key.swatch}<span>{escaped(key.label)}</span></li>" for key in keys)
    return f'<ul class="legend" aria-label="Arms">{items}</ul>' if keys else ""


def figure(chart: Chart) -> str:
    behind = ""
    if chart.table is not None:
        behind = f"<details><summary>The figures</summary>{table(chart.table)}</details>"
    return (
        f"<figure><figcaption><strong>{escaped(chart.title)}</strong></figcaption>{chart.svg}"
        f"<p>{words(chart.note)}</p>{behind}</figure>"
    )
