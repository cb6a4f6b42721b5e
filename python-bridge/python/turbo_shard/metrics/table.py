"""What a stats socket answers, laid out for people: a row for each shard, rates, and how even the shards are.

Counters only grow, so a rate is the difference of two answers; with one answer it is the mean since the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .counter_row import Column, CounterRow
from .counters import GC_ROWS, SHARD_ROWS
from .schema import Answer, Row


class Span(NamedTuple):
    """What happened between two answers, or since the start."""

    seconds: float
    rows: list[Row]
    gc: Row


def table(answer: Answer, before: Answer | None = None) -> str:
    """The whole text; rates are since `before` if that is given and of the same run of the server."""
    is_steal = "workers" in answer
    key = "worker" if is_steal else "shard"
    rows = answer["workers"] if is_steal else answer["shards"]
    span = span_of(answer, before, rows, key)
    lines = [headline(answer), since(span, before)]
    if is_steal:
        lines += [connections_line(row) for row in answer["shards"]]
    lines += ["", *grid(rows, span, key)]
    lines += ["", gc_line(span.gc, answer["gc"])]
    return "\n".join(lines)


def span_of(answer: Answer, before: Answer | None, rows: list[Row], key: str) -> Span:
    if before is None or not is_same_run(answer, before):
        return Span(answer["uptime_us"] / 1e6, rows, answer["gc"])
    rows_before = before.get("workers", []) if key == "worker" else before["shards"]
    earlier = {identity(row, key): row for row in rows_before}
    seconds = (answer["uptime_us"] - before["uptime_us"]) / 1e6
    return Span(
        seconds,
        [difference(row, earlier.get(identity(row, key), {}), SHARD_ROWS) for row in rows],
        difference(answer["gc"], before["gc"], GC_ROWS),
    )


def is_same_run(answer: Answer, before: Answer) -> bool:
    return bool(answer["pid"] == before["pid"] and answer["uptime_us"] >= before["uptime_us"])


def identity(row: Row, key: str) -> tuple[int, int]:
    """A restarted process counts from zero again."""
    return row[key], row.get("pid", 0)


def difference(row: Row, before: Row, declared: Iterable[CounterRow]) -> Row:
    names = [counter.name for counter in declared if counter.only_grows and counter.name in row]
    return row | {name: row[name] - before.get(name, 0) for name in names}


def headline(answer: Answer) -> str:
    gil = "ON" if answer["gil_enabled"] else "off"
    return (
        f"mode {answer['mode']} on {answer['engine']}, pid {answer['pid']}{place(answer)}, "
        f"up {duration(answer['uptime_us'] / 1e6)}, Python {answer['python']}, GIL {gil}"
    )


def place(answer: Answer) -> str:
    """Where it listens. Another version of the server may not say so."""
    addresses = answer.get("addresses")
    return f", at {' and '.join(addresses)}" if addresses else ""


def since(span: Span, before: Answer | None) -> str:
    return "rates since the start" if before is None else f"rates over {span.seconds:.2f} s"


def connections_line(row: Row) -> str:
    return (
        f"connections: {row['connections_open']:,} open, {row['connections_accepted']:,} accepted"
    )


def grid(rows: list[Row], span: Span, key: str) -> list[str]:
    """A line for each row, and the largest over the mean beneath: 1.00 is even; the number of shards means all on
    one."""
    has_pids = len({row.get("pid") for row in rows}) > 1
    seconds = max(span.seconds, 1e-9)
    columns: list[tuple[str, list[str], str]] = [(key, [str(row[key]) for row in rows], "")]
    if all("core" in row for row in rows):
        columns.append(
            ("core", ["-" if row["core"] is None else str(row["core"]) for row in rows], "")
        )
    if has_pids:
        columns.append(("pid", [str(row["pid"]) for row in rows], ""))
    columns += [
        shown(column, [row[counter.name] for row in which], seconds)
        for counter in SHARD_ROWS
        # A worker thread has only some, and a server of another version may lack one.
        if all(counter.name in row for row in rows)
        for column in counter.columns
        for which in [rows if column.figure == "total" else span.rows]
    ]
    if len(rows) < 2:
        columns = [(name, cells, "") for name, cells, _ in columns]
    return laid_out(columns)


def shown(column: Column, values: Sequence[int], seconds: float) -> tuple[str, list[str], str]:
    """The column's heading, its cells and what stands beneath."""
    match column.figure:
        case "total":
            figures, cells = list(map(float, values)), [f"{value:,}" for value in values]
        case "per second":
            figures = [value / seconds for value in values]
            cells = [f"{rate:,.0f}" for rate in figures]
        case "share of time":
            figures = [value / 1e6 / seconds for value in values]
            cells = [f"{share:.1%}" for share in figures]
    return column.heading, cells, evenness(figures) if column.is_compared else ""


def evenness(values: Sequence[float]) -> str:
    """The largest over the mean; empty where there is nothing to compare."""
    total = sum(values)
    return f"{max(values) * len(values) / total:.2f}" if total > 0 else ""


def laid_out(columns: list[tuple[str, list[str], str]]) -> list[str]:
    """Columns beside each other, figures to the right. The last line is there if any column has one."""
    first, *others = columns
    last_line = "max/mean" if any(foot for _, _, foot in columns) else ""
    columns = [(first[0], first[1], last_line), *others]
    widths = [max(map(len, (name, foot, *cells))) for name, cells, foot in columns]
    lines = [[name for name, _, _ in columns]]
    lines += [list(cells) for cells in zip(*(cells for _, cells, _ in columns), strict=True)]
    if last_line:
        lines.append([foot for _, _, foot in columns])
    return [
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def gc_line(span: Row, total: Row) -> str:
    count = span["collections"]
    return (
        f"garbage collector: {count:,} collection{'' if count == 1 else 's'}, "
        f"{span['pause_us_total'] / 1000:,.1f} ms of pauses; "
        f"the longest since the start {total['pause_us_max'] / 1000:,.1f} ms"
    )


def duration(seconds: float) -> str:
    """`3 d 4 h`, `2 h 5 min`, `4 min 10 s`, `12 s`."""
    whole = int(seconds)
    for size, unit, smaller, smaller_unit in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller} {smaller_unit}"
    return f"{whole} s"
