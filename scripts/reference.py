"""Writes the tables of docs/ that are made of what the sources declare.

make reference
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from peer_tables import RECORD as RECORD
from peer_tables import options_of
from turbo_shard import _native
from turbo_shard.metrics.counter_row import CounterRow
from turbo_shard.metrics.counters import GC_ROWS, SHARD_ROWS
from turbo_shard.settings import OPTIONS, Kind, Option
from turbo_shard.settings.option import by_group

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PEERS = ("uvicorn", "granian", "gunicorn")


def shard_counters() -> str:
    return counter_table(SHARD_ROWS)


def gc_counters() -> str:
    return counter_table(GC_ROWS)


def metrics() -> str:
    lines = ["| metric | type | labels | value |", "|---|---|---|---|"]
    for row in _native.metric_rows():
        labels = ", ".join(f"`{label}`" for label in row["labels"])
        lines.append(f"| `{row['name']}` | {row['kind']} | {labels or '–'} | {row['help']} |")
    return "\n".join(lines)


def settings() -> str:
    return "\n\n".join(
        "\n".join(
            (
                f"| {heading} | default | meaning | environment |",
                "|---|---|---|---|",
                *map(option_row, options),
            )
        )
        for heading, options in by_group(OPTIONS).items()
    )


def option_row(option: Option) -> str:
    default = option.default_in_words
    if option.kind is Kind.SWITCH:
        default = "off"
    elif option.kind is Kind.CHOICE:
        default += f" (of {', '.join(option.choices)})"
    flags = ", ".join(
        f"`{flag}`" for flag in (*option.flags, *option.off_flags, *option.positive_flags)
    )
    variables = ", ".join(f"`{name}`" for name in (option.variable, option.common_variable) if name)
    return f"| {flags} | {default} | {option.help} | {variables} |"


# For each page what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
PAGES: dict[Path, dict[str, Callable[[], str]]] = {
    DOCS / "running.md": {
        "settings": settings,
        "counters": shard_counters,
        "gc-counters": gc_counters,
    },
    DOCS / "metrics.md": {"metrics": metrics},
    **{
        DOCS / f"from-{peer}.md": {f"options of {peer}": partial(options_of, peer)}
        for peer in PEERS
    },
}


def counter_table(rows: Iterable[CounterRow]) -> str:
    lines = ["| key | type | value |", "|---|---|---|"]
    lines += [f"| `{row.name}` | {row.kind} | {row.help.removesuffix('.')} |" for row in rows]
    return "\n".join(lines)


def page_with_tables(page: Path, text: str) -> str:
    for name, table in PAGES[page].items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"reference: error: {page.name} has lost its markers of {name}")
        text = f"{before}{begin}\n\n{table()}\n\n{end}{after}"
    return text


def main() -> None:
    for page in PAGES:
        page.write_text(page_with_tables(page, page.read_text()))


if __name__ == "__main__":
    main()
