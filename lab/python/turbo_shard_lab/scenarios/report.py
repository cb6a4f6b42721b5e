"""Turns results into text: tables for the terminal and for Markdown, and figures between markers in the docs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

Row = Sequence[str]


def markdown_table(header: Row, rows: Iterable[Row]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


def plain_table(header: Row, rows: Sequence[Row]) -> str:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, ["-" * width for width in widths], *rows]
    ]
    return "\n".join(lines)


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def middle_latency(runs: list[dict[str, Any]], name: str) -> float | None:
    """Nothing unless every run has one: a median of the others would not be the one asked for."""
    latencies = [run["latency_us"] for run in runs]
    if None in latencies:
        return None
    return float(median(latency[name] for latency in latencies))


def spread(figure: dict[str, Any]) -> str:
    if len(figure["values"]) < 2:
        return "one measurement" if figure["values"] else "–"
    return f"{number(figure['min'], figure['digits'])} – {number(figure['max'], figure['digits'])}"


def verdict(figure: dict[str, Any]) -> str:
    if figure["median"] is None:
        return "not measured"
    return {True: "met", False: "not met", None: "–"}[figure["met"]]


FIGURE_HEADER = ("figure", "goal", "measured", "spread", "")


def figure_rows(results: dict[str, Any]) -> list[list[str]]:
    rows = []
    for figure in results["figures"]:
        unit = figure["unit"]
        measured = (
            f"{number(figure['median'], figure['digits'])} {unit}" if figure["values"] else "–"
        )
        goal = f"{figure['goal']} {unit}" if figure["goal"] else "–"
        rows.append([figure["label"], goal, measured, spread(figure), verdict(figure)])
    return rows


ARM_HEADER = (
    "arm",
    "requests/s",
    "spread",
    "p50 µs",
    "p99 µs",
    "server's core",
    "generator's core",
)


def arm_rows(results: dict[str, Any]) -> list[list[str]]:
    rows = []
    for arm in results["arms"]:
        runs = arm["runs"]
        if not runs:
            rows.append([arm["label"], "did not run", "–", "–", "–", "–", "–"])
            continue
        rates = [run["requests_per_second"] for run in runs]
        row = [arm["label"], number(median(rates), 0), f"{min(rates):,.0f} – {max(rates):,.0f}"]
        row += [number(middle_latency(runs, name), 0) for name in ("p50", "p99")]
        row += [
            f"{median(run[name] for run in runs):.0%}"
            for name in ("server_cpu_share", "generator_cpu_share")
        ]
        rows.append(row)
    return rows


def terminal(results: dict[str, Any]) -> str:
    parts = [
        plain_table(ARM_HEADER, arm_rows(results)),
        plain_table(FIGURE_HEADER, figure_rows(results)),
        *(f"- {line}" for line in remarks(results)),
    ]
    return "\n\n".join(part for part in parts[:2]) + "\n\n" + "\n".join(parts[2:])


def remarks(results: dict[str, Any]) -> list[str]:
    """What else a reader of the tables must know: errors, doubts, details."""
    lines = list(results["warnings"])
    lines += [f"{arm['label']}: {arm['error']}" for arm in results["arms"] if arm["error"]]
    lines += [
        f"{figure['label']}: {figure['error']}"
        for figure in results["figures"]
        if figure["error"] and not figure["values"] and figure["key"].endswith(("_rss", "_start"))
    ]
    lines += [
        f"{figure['label']}: {figure['note']}" for figure in results["figures"] if figure["note"]
    ]
    return lines


def documentation(results: dict[str, Any]) -> str:
    """The contents of report.md: all results."""
    settings = results["settings"]
    rate_intro = (
        f"`/users/{{user_id}}`, {settings['connections']} keep-alive connections, one server process on core "
        f"{settings['server_core']}, the generator on core {settings['load_core']}, median of {settings['rounds']} "
        f"interleaved rounds of {settings['seconds']:g} s, every body checked:"
    )
    parts = [
        rate_intro,
        markdown_table(ARM_HEADER, arm_rows(results)),
        "Goals. Ratios are taken within each round; the spread is from the lowest to the highest round:",
        markdown_table(FIGURE_HEADER, figure_rows(results)),
    ]
    if lines := remarks(results):
        parts.append("\n".join(f"- {line}" for line in lines))
    parts += ["Measured with:", "\n".join(f"- {line}" for line in machine_lines(results))]
    parts += ["Commands (generator first, then each arm):", code_block(commands(results))]
    return "\n\n".join(parts)


def machine_lines(results: dict[str, Any]) -> list[str]:
    machine = results["machine"]
    peers = [
        f"peers ({venv}): {found.get('packages') or found.get('error', '')}; {found.get('python', '')}".rstrip(
            "; "
        )
        for venv, found in machine["peers"].items()
    ]
    virtual = " (virtual machine)" if machine["virtual"] else ""
    cores = f"{len(machine['cores_allowed'])} cores"
    exact = "" if machine["commit_is_exact"] else ", with changes that are not committed"
    return [
        f"{results['started']}, commit {machine['commit'][:12]}{exact}, {results['took_seconds']:.0f} s in all",
        f"{machine['cpu']}{virtual}, {cores}, {machine['memory_gib']} GiB, governor {machine['governor']}",
        f"Linux {machine['kernel']}, TCP congestion control {machine['congestion_control']}",
        f"{machine['turbo_shard']} on {machine['python']}; {machine['rustc']}",
        *peers,
    ]


def commands(results: dict[str, Any]) -> list[str]:
    server_core = results["settings"]["server_core"]
    return [
        results["settings"]["generator"],
        *(f"taskset -c {server_core} {arm['command']}" for arm in results["arms"]),
    ]


def code_block(lines: Iterable[str]) -> str:
    return "\n".join(["```", *lines, "```"])


def summary(results: dict[str, Any]) -> str:
    """The part of README.md made from the results: one row per engine."""
    figures = {figure["key"]: figure for figure in results["figures"]}
    rates = {
        arm["key"]: [run["requests_per_second"] for run in arm["runs"]] for arm in results["arms"]
    }

    def cell(key: str, unit: str) -> str:
        figure = figures.get(key)
        if figure is None or figure["median"] is None:
            return "–"
        return f"{number(figure['median'], figure['digits'])}{unit}"

    rows = []
    for engine in results["settings"]["engines"]:
        rate = rates.get(f"turbo_shard_{engine}")
        rows.append(
            [
                f"`{engine}`",
                number(median(rate), 0) if rate else "–",
                cell(f"{engine}_over_fixed", ""),
                cell(f"{engine}_over_granian", "×"),
                cell(f"{engine}_over_fastapi", "×"),
                cell(f"{engine}_rss", " MB"),
                cell(f"{engine}_connection", " bytes"),
                cell(f"{engine}_start", " ms"),
            ]
        )
    header = (
        *("engine", "requests/s on one core", "of a fixed answer from Rust", "granian RSGI"),
        *(
            "FastAPI on uvicorn",
            "memory, two shards",
            "per idle connection",
            "start to first answer",
        ),
    )
    return markdown_table(header, rows)


def markers(part: str) -> tuple[str, str]:
    """The markers before and after the figures of bench/PART.py."""
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
