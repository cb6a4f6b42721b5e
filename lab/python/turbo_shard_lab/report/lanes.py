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
LABEL_ASCENT, LABEL_HEIGHT = 9.0, 15.0
RIGHT = 44.0


@dataclass(frozen=True)
class Lane:
    label: str
    # At the right end.
    figure: str
    # Draws into the box of the lane: left, top, right, bottom.
    draw: Callable[[float, float, float, float], list[str]]


@dataclass(frozen=True)
class Group:
    heading: str
    lanes: Sequence[Lane]
    # At the right end of the heading.
    note: str = ""


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
        parts += heading(group, y + 13)
        y += HEADING
        tall = lane_height(len(group.lanes))
        # The first label of thin lanes would touch the heading; not all of them have room for one.
        free_from = y + LABEL_ASCENT
        for lane in group.lanes:
            bottom = y + tall - min(3.0, tall / 6)
            parts.append(svg.rectangle(left, y, right - left, bottom - y, "lane"))
            parts += lane.draw(left, y, right, bottom)
            middle = (y + bottom) / 2 + 4
            if middle >= free_from:
                label, figure = svg.cut(lane.label, left - 8), svg.cut(lane.figure, RIGHT - 5)
                parts.append(svg.text(left - 6, middle, label, anchor="end", css_class="tick"))
                parts.append(svg.text(right + 5, middle, figure, css_class="tick"))
                free_from = middle + LABEL_HEIGHT
            y += tall
        y += GAP
    return parts


def heading(group: Group, y: float) -> list[str]:
    room = svg.WIDTH - svg.width_of(group.note) - 10
    words = svg.cut(group.heading, room, svg.BOLD_PX)
    parts = [svg.text(0, y, words, css_class="lane-heading", whole=group.heading)]
    if group.note:
        parts.append(svg.text(svg.WIDTH - 1, y, group.note, anchor="end", css_class="tick"))
    return parts
