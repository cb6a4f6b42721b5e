"""What the Grafana board asks for: its panels and their queries, read from its JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BOARD = Path(__file__).parent.parent / "examples" / "grafana" / "turbo-shard.json"
LABEL_IN_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# Variables of Grafana's own, and those that the board declares.
VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")


@dataclass(frozen=True)
class Query:
    text: str
    legend: str

    def filled(self, *, rate_interval: str = "1m", shown: str = "15m") -> str:
        """As Grafana sends it, with all servers chosen."""
        values = {"__rate_interval": rate_interval, "__range": shown, "job": ".*", "instance": ".*"}
        return VARIABLE.sub(lambda found: values[found[1] or found[2]], self.text)

    def legend_of(self, labels: dict[str, str]) -> str:
        return LABEL_IN_LEGEND.sub(lambda found: labels.get(found[1], ""), self.legend)

    def legend_labels(self) -> set[str]:
        return set(LABEL_IN_LEGEND.findall(self.legend))


@dataclass(frozen=True)
class Panel:
    kind: str
    title: str
    x: int
    y: int
    w: int
    h: int
    unit: str
    is_stacked: bool
    maximum: float | None
    steps: tuple[tuple[float | None, str], ...]
    queries: tuple[Query, ...]

    def colour_of(self, value: float) -> str:
        """That of the last step that the value has reached."""
        reached = [colour for step, colour in self.steps if step is None or value >= step]
        return reached[-1] if reached else "text"

    def in_words(self, value: float) -> str:
        if value != value:
            return "no data"
        match self.unit:
            case "percentunit":
                return f"{value * 100:.3g} %"
            case "s":
                return f"{value:.3g} s" if value >= 1 else f"{value * 1000:.3g} ms"
            case "reqps" | "cps" | "short":
                return f"{value / 1000:.3g} K" if value >= 1000 else f"{value:.3g}"
            case "Bps":
                return f"{value / 1e6:.3g} MB/s" if value >= 1e6 else f"{value / 1000:.3g} kB/s"
        raise ValueError(f"{self.title}: the unit {self.unit} has no words here")


def panels_of(board: dict[str, Any]) -> list[Panel]:
    return [panel_of(panel) for panel in board["panels"]]


def panel_of(panel: dict[str, Any]) -> Panel:
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    custom = defaults.get("custom", {})
    steps = defaults.get("thresholds", {}).get("steps", [])
    return Panel(
        kind=panel["type"],
        title=panel["title"],
        unit=defaults.get("unit", ""),
        is_stacked=custom.get("stacking", {}).get("mode") == "normal",
        maximum=defaults.get("max"),
        steps=tuple((step["value"], step["color"]) for step in steps),
        queries=tuple(
            Query(target["expr"], target["legendFormat"]) for target in panel.get("targets", [])
        ),
        **panel["gridPos"],
    )
