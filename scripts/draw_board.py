"""Draws examples/grafana/turbo-shard.json: its panels by its own queries, of a real server that real clients use.

    python scripts/draw_board.py [PICTURE]

It starts a server, a Prometheus that scrapes it (Debian's package `prometheus`) and clients, and asks Prometheus for
each panel what Grafana would ask for. The picture is drawn by matplotlib in Grafana's likeness; it is not Grafana's.
Any Python that has httpx and matplotlib may run it; the server is that of `.venv`.
"""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from board_queries import BOARD, Panel, panels_of
from board_server import ServedBoard

PICTURE = Path(__file__).parent.parent / "docs" / "grafana.png"
# How long clients ask before the picture is taken.
SHOWN_S = 120
STEP_S = 2
# What Grafana would make of its variable: at least four scrapes.
RATE_INTERVAL = "15s"

BACKGROUND, PANEL, GRID, TEXT, DIM = "#111217", "#181b1f", "#2c3235", "#d8d9da", "#8e9297"
COLOURS = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0")
STAT_COLOUR = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "text": TEXT}
DPI = 100
COLOURS_MAX = 128
COLUMN_PX, UNIT_PX = 58, 34


def main() -> None:
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    panels = panels_of(json.loads(BOARD.read_text()))
    with ServedBoard() as served:
        served.use_for(SHOWN_S)
        end = time.time()
        drawn = [(panel, answers_to(served.prometheus_url, panel, end)) for panel in panels]
    draw(drawn, picture, end)
    print(f"{picture}: {len(panels)} panels, {picture.stat().st_size / 1024:.0f} KiB")


def answers_to(url: str, panel: Panel, end: float) -> list[tuple[str, list[float], list[float]]]:
    """Each line of the panel: legend, times and values."""
    lines = []
    for query in panel.queries:
        asked = {
            "query": query.filled(rate_interval=RATE_INTERVAL, shown=f"{SHOWN_S}s"),
            "start": end - SHOWN_S + 20,
            "end": end,
            "step": STEP_S,
        }
        answer = httpx.get(f"{url}/api/v1/query_range", params=asked, trust_env=False).json()
        for series in answer["data"]["result"]:
            points = [(float(at), float(value)) for at, value in series["values"]]
            legend = query.legend_of(series["metric"])
            lines.append((legend, [at for at, _ in points], [value for _, value in points]))
    return sorted(lines)


def draw(drawn: list[tuple[Panel, Any]], picture: Path, end: float) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from PIL import Image

    height = max(panel.y + panel.h for panel, _ in drawn)
    size = (24 * COLUMN_PX / DPI, height * UNIT_PX / DPI)
    pyplot.rcParams.update({"font.size": 7.5, "text.color": TEXT, "font.family": "DejaVu Sans"})
    figure = pyplot.figure(figsize=size, dpi=DPI, facecolor=BACKGROUND)
    for panel, lines in drawn:
        box = (panel.x / 24, 1 - (panel.y + panel.h) / height, panel.w / 24, panel.h / height)
        if panel.kind == "row":
            figure.text(0.006, box[1] + box[3] * 0.3, f"▾ {panel.title}", size=10, weight="bold")
            continue
        background = figure.add_axes(
            (box[0] + 0.002, box[1] + 0.002, box[2] - 0.004, box[3] - 0.004)
        )
        background.set(facecolor=PANEL, xticks=[], yticks=[])
        for side in background.spines.values():
            side.set_color(GRID)
        figure.text(
            box[0] + 0.008,
            box[1] + box[3] - 0.0095,
            panel.title,
            size=8.5,
            va="top",
            weight="normal",
        )
        if panel.kind == "stat":
            draw_stat(figure, box, panel, lines)
        else:
            draw_series(figure, box, panel, lines, end)
    drawn_whole = io.BytesIO()
    figure.savefig(drawn_whole, facecolor=BACKGROUND)
    # So few colours are enough, and a third of the bytes.
    whole = Image.open(drawn_whole).convert("RGB")
    few = whole.quantize(COLOURS_MAX, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


def draw_stat(figure: Any, box: Any, panel: Panel, lines: Any) -> None:
    values = lines[0][2] if lines else []
    value = values[-1] if values else float("nan")
    colour = STAT_COLOUR[panel.colour_of(value)]
    axes = figure.add_axes((box[0] + 0.002, box[1] + 0.003, box[2] - 0.004, box[3] * 0.3))
    axes.set_axis_off()
    axes.fill_between(
        range(len(values)), values, min(values, default=0) * 0.9, color=colour, alpha=0.15, lw=0
    )
    axes.plot(values, color=colour, lw=0.8)
    middle = (box[0] + box[2] / 2, box[1] + box[3] * 0.52)
    figure.text(
        *middle,
        panel.in_words(value),
        size=20,
        color=colour,
        ha="center",
        va="center",
        weight="bold",
    )


def draw_series(figure: Any, box: Any, panel: Panel, lines: Any, end: float) -> None:
    axes = figure.add_axes((box[0] + 0.038, box[1] + box[3] * 0.26, box[2] - 0.048, box[3] * 0.58))
    axes.set(facecolor=PANEL)
    axes.grid(color=GRID, lw=0.6)
    axes.tick_params(colors=DIM, length=0, labelsize=7)
    for side in axes.spines.values():
        side.set_visible(False)
    below: dict[float, float] = {}
    for number, (_, times, values) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        tops = [
            value + below.get(at, 0) if panel.is_stacked else value
            for at, value in zip(times, values, strict=True)
        ]
        floors = [below.get(at, 0) for at in times] if panel.is_stacked else [0] * len(times)
        axes.plot(times, tops, color=colour, lw=1)
        axes.fill_between(
            times, tops, floors, color=colour, alpha=0.3 if panel.is_stacked else 0.07, lw=0
        )
        if panel.is_stacked:
            below |= dict(zip(times, tops, strict=True))
    axes.set_xlim(end - SHOWN_S + 20, end)
    top = panel.maximum or max(axes.get_ylim()[1], 1e-9)
    axes.set_ylim(0, top)
    ticks = [end - ago for ago in (90, 60, 30, 0)]
    axes.set_xticks(ticks, [time.strftime("%H:%M:%S", time.localtime(at)) for at in ticks])
    axes.get_xticklabels()[-1].set_ha("right")
    axes.set_yticks([top * part / 4 for part in range(5)])
    axes.set_yticklabels([panel.in_words(top * part / 4) for part in range(5)])
    draw_legend(figure, box, [legend for legend, _, _ in lines])


def draw_legend(figure: Any, box: Any, legends: list[str]) -> None:
    """Below the panel, in two lines at most."""
    x, y = box[0] + 0.01, box[1] + box[3] * 0.12
    for number, legend in enumerate(legends):
        width = 0.0115 + 0.0042 * len(legend)
        if x + width > box[0] + box[2] - 0.004:
            x, y = box[0] + 0.01, y - box[3] * 0.075
        figure.text(x, y, "━", color=COLOURS[number % len(COLOURS)], size=8, va="center")
        figure.text(x + 0.009, y, legend, size=7, color=TEXT, va="center")
        x += width


if __name__ == "__main__":
    main()
