"""Lays out charts that have a lane per core or shard, arm below arm. Knows nothing of what the lanes show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import svg

HEADING, GAP, FOOT = 19.0, 9.0, 38.0
TOP = 4.0
# All lanes of one arm together; many cores get thin ones.
ARM_HEIGHT_MAX = 320.0
LANE_MAX, LANE_MIN = 24.0, 3.0
LABELLED_FROM = 13.0
RIGHT = 44.0


@dataclass(frozen=True)
class Lane:
    label: str
    # At the right end.
    figure: str
    # Given the box of the lane: left, top, right, bottom.
    draw: Callable[[float, float, float, float], list[str]]


@dataclass(frozen=True)
class Group:
    heading: str
    lanes: Sequence[Lane]


def lane_height(count: int) -> float:
    return max(LANE_MIN, min(LANE_MAX, ARM_HEIGHT_MAX / max(1, count)))


def height_of(groups: Sequence[Group]) -> float:
    lanes = sum(len(group.lanes) * lane_height(len(group.lanes)) for group in groups)
    return TOP + len(groups) * (HEADING + GAP) + lanes + FOOT


def left_of(groups: Sequence[Group]) -> float:
    labels = [svg.width_of(lane.label) for group in groups for lane in group.lanes]
    return min(max(labels, default=0.0) + 10, svg.WIDTH / 3)


def laid_out(groups: Sequence[Group]) -> list[str]:
    parts: list[str] = []
    y = TOP
    left, right = left_of(groups), svg.WIDTH - RIGHT
    for group in groups:
        heading = svg.cut(group.heading, svg.WIDTH - 4)
        parts.append(svg.text(0, y + 13, heading, css_class="lane-heading", whole=group.heading))
        y += HEADING
        tall = lane_height(len(group.lanes))
        # Thin lanes are labelled now and then.
        every = max(1, int(-(-LABELLED_FROM // tall)))
        for number, lane in enumerate(group.lanes):
            bottom = y + tall - min(3.0, tall / 6)
            parts.append(svg.rectangle(left, y, right - left, bottom - y, "lane"))
            parts += lane.draw(left, y, right, bottom)
            if number % every == 0:
                middle = (y + bottom) / 2 + 4
                label = svg.cut(lane.label, left - 8)
                parts.append(svg.text(left - 6, middle, label, anchor="end", css_class="tick"))
                parts.append(svg.text(right + 5, middle, lane.figure, css_class="tick"))
            y += tall
        y += GAP
    return parts
