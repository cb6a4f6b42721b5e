"""Predictions as a person reads them: tables, and in words which architecture wins where. Simulates nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, groupby, pairwise

from .prediction import POLICIES, Band, Cell

# A model of this kind cannot claim a smaller difference.
RATIO_MIN = 1.05
HEADER = ("cores", "architecture", "requests/s", "p50", "p99", "p99.9", "max/mean", "idle+waiting")


def text_of(cells: Sequence[Cell]) -> str:
    parts = []
    for load, group in by_load(cells):
        rows = [HEADER, *table_rows(group)]
        parts.append(f"{load_in_words(load)}\n\n{aligned(rows)}")
        parts.append("\n".join(f"- {line}" for line in verdict(group)))
    return "\n\n".join(parts)


def markdown_of(cells: Sequence[Cell]) -> str:
    parts = []
    for load, group in by_load(cells):
        lines = ["| " + " | ".join(HEADER) + " |", "| ---: | --- |" + " ---: |" * (len(HEADER) - 2)]
        lines += ["| " + " | ".join(row) + " |" for row in table_rows(group)]
        parts.append(f"**{load_in_words(load)}**\n\n" + "\n".join(lines))
        parts.append("\n".join(f"- {line}" for line in verdict(group)))
    return "\n\n".join(parts)


def by_load(cells: Sequence[Cell]) -> list[tuple[float | None, list[Cell]]]:
    loads = dict.fromkeys(cell.load for cell in cells)
    return [(load, [cell for cell in cells if cell.load == load]) for load in loads]


def load_in_words(load: float | None) -> str:
    if load is None:
        return "Closed loop: each connection asks again once it is answered"
    return f"Load: {load:.0%} of the cores' time"


def table_rows(cells: Sequence[Cell]) -> list[tuple[str, ...]]:
    rows = []
    for cell in cells:
        name = cell.policy if cell.keeps_up else f"{cell.policy} (overloaded)"
        rows.append(
            (
                str(cell.cores),
                name,
                f"{cell.requests_per_second.middle:,.0f}",
                *(time_band(cell.latency_us[metric]) for metric in ("p50", "p99", "p99_9")),
                f"{cell.balance_max_over_mean.middle:.2f}",
                f"{cell.idle_while_waiting_share.middle:.1%}",
            )
        )
    return rows


def time_band(band: Band) -> str:
    """The median, and the range where it is wider than the last digit shown."""
    middle, low, high = time_text(band.middle), time_text(band.low), time_text(band.high)
    return middle if low == high else f"{middle} ({low}–{high})"


def time_text(us: float) -> str:
    for size, unit in ((1e6, "s"), (1e3, "ms")):
        if us >= size:
            return f"{us / size:.3g} {unit}"
    return f"{us:.3g} µs"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if n == 1 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


# Which architecture wins where.


def verdict(cells: Sequence[Cell]) -> list[str]:
    """For one load: the winner by p99 over the cores, and for each pair where the lead changes."""
    policies = [policy for policy in POLICIES if policy != "ideal"]
    of = {(cell.policy, cell.cores): cell for cell in cells if cell.policy in policies}
    present = [policy for policy in policies if any(key[0] == policy for key in of)]
    cores = sorted({cell.cores for cell in cells})
    if len(present) < 2:
        return []
    lines = [winners_line(of, present, cores)]
    for first, second in combinations(present, 2):
        lines += pair_lines(of, first, second, cores)
    return lines + throughput_lines(of, present, cores)


def winners_line(of: dict[tuple[str, int], Cell], present: list[str], cores: list[int]) -> str:
    """All architectures that are not shown to be worse than the best share its place."""
    best = {n: tuple(leaders([of[policy, n] for policy in present])) for n in cores}
    parts = []
    for names, group in groupby(cores, key=lambda n: best[n]):
        where = span(list(group))
        if not names:
            parts.append(f"{where}: all are overloaded")
        elif len(names) == len(present):
            parts.append(f"{where}: no difference shown")
        else:
            parts.append(f"{where}: {' and '.join(names)}")
    return "lowest p99: " + "; ".join(parts)


def leaders(cells: Sequence[Cell]) -> list[str]:
    able = [cell for cell in cells if cell.keeps_up]
    if not able:
        return []
    best = min(able, key=lambda cell: cell.latency_us["p99"].middle)
    return [cell.policy for cell in able if cell is best or not is_worse(cell, best)]


def is_worse(cell: Cell, other: Cell) -> bool:
    """Whether it is shown: the bands do not meet and the difference is no trifle; or one does not keep up."""
    if cell.keeps_up != other.keeps_up:
        return other.keeps_up
    mine, others = cell.latency_us["p99"], other.latency_us["p99"]
    is_higher = mine.middle > others.middle * RATIO_MIN
    return cell.keeps_up and is_higher and mine.is_apart_from(others)


def pair_lines(
    of: dict[tuple[str, int], Cell], first: str, second: str, cores: list[int]
) -> list[str]:
    """One line where the lead changes; pairs without a change are in the line of the winners."""

    def lead(n: int) -> str | None:
        one, other = of[first, n], of[second, n]
        if is_worse(other, one):
            return first
        return second if is_worse(one, other) else None

    shown = [(n, name) for n in cores if (name := lead(n)) is not None]
    lines = []
    for (before, earlier), (after, later) in pairwise(shown):
        if earlier != later:
            was, becomes = (
                ratio(of, earlier, first, second, before),
                ratio(of, later, first, second, after),
            )
            lines.append(
                f"{first} and {second} cross between {before} and {after} cores: "
                f"up to {before} {earlier} has the lower p99{was}, from {after} on {later}{becomes}"
            )
    return lines


def ratio(of: dict[tuple[str, int], Cell], winner: str, first: str, second: str, cores: int) -> str:
    loser = second if winner == first else first
    one, other = of[winner, cores], of[loser, cores]
    if not other.keeps_up:
        return f" ({loser} is overloaded)"
    factor = other.latency_us["p99"].middle / max(one.latency_us["p99"].middle, 1e-9)
    return f" ({factor:.2g}× lower)"


def throughput_lines(
    of: dict[tuple[str, int], Cell], present: list[str], cores: list[int]
) -> list[str]:
    lines = []
    for policy in present:
        overloaded = [n for n in cores if not of[policy, n].keeps_up]
        if overloaded:
            lines.append(f"{policy} does not keep up with the load at {span(overloaded)}")
    if any(of[policy, n].load is None for policy in present for n in cores):
        lines += most_requests_lines(of, present, cores)
    return lines


def most_requests_lines(
    of: dict[tuple[str, int], Cell], present: list[str], cores: list[int]
) -> list[str]:
    parts = []

    def best(n: int) -> str:
        cells = [of[policy, n] for policy in present]
        most = max(cells, key=lambda cell: cell.requests_per_second.middle)
        near = [
            cell.policy
            for cell in cells
            if most.requests_per_second.middle <= RATIO_MIN * cell.requests_per_second.middle
            or not most.requests_per_second.is_apart_from(cell.requests_per_second)
        ]
        return "no difference shown" if len(near) == len(present) else " and ".join(near)

    for name, group in groupby(cores, key=best):
        parts.append(f"{span(list(group))}: {name}")
    return ["most requests/s: " + "; ".join(parts)]


def span(cores: Iterable[int]) -> str:
    ordered = list(cores)
    if len(ordered) == 1:
        return f"{ordered[0]} cores"
    return f"{ordered[0]} to {ordered[-1]} cores"
