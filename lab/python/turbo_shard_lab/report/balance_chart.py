"""Draws how requests fell on the shards: a bar per shard against the mean, arm below arm, one typical round of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from ..results import ArmResult, Run
from . import lanes, quantities, scale, svg
from .axes import x_labels
from .blocks import Chart, Table
from .levels import shown_level
from .palette import ArmStyle


def typical_balance(runs: Sequence[Run]) -> Run | None:
    """The run in the middle by imbalance; a mean over rounds would hide it: it moves from shard to shard."""
    # One counter for all, as in steal mode, says nothing about balance.
    found = [run for run in runs if len(run.shards) > 1 and balance(run) is not None]
    ordered = sorted(found, key=lambda run: balance(run) or 0.0)
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def balance(run: Run) -> float | None:
    return next(iter(quantities.finite([run.balance_max_over_mean])), None)


def shares_of_mean(run: Run) -> list[float]:
    mean = fmean(shard.requests for shard in run.shards)
    return [shard.requests / mean if mean > 0 else 0.0 for shard in run.shards]


def balance_chart(
    identity: str, arms: Sequence[ArmResult], styles: Mapping[str, ArmStyle]
) -> Chart | None:
    """None if no arm reports two shards."""
    found = {arm.key: typical_balance(shown_level(arm).runs) for arm in arms}
    runs = {key: run for key, run in found.items() if run is not None}
    drawn = [arm for arm in arms if arm.key in runs]
    if not runs:
        return None
    highest = max(share for run in runs.values() for share in shares_of_mean(run))
    across = scale.linear([max(1.25, highest)], 0.0, 1.0)
    groups = [
        lanes.Group(
            arm.label,
            [
                bar(f"shard {shard.shard}", shard.requests, share, across.high, styles[arm.key])
                for shard, share in zip(
                    runs[arm.key].shards, shares_of_mean(runs[arm.key]), strict=True
                )
            ],
            f"busiest {quantities.times(balance(runs[arm.key]) or 0.0)} the mean",
        )
        for arm in drawn
    ]
    height = lanes.height_of(groups)
    left = lanes.left_of(groups)
    placed = scale.Scale(0.0, across.high, left, svg.WIDTH - lanes.RIGHT)
    y = height - lanes.FOOT
    parts = [
        *lanes.laid_out(groups),
        svg.line(left, y, placed.end, y, "axis"),
        *x_labels(placed, scale.ticks(placed), lambda share: f"{share:g}×", y + 14),
        svg.text(
            (left + placed.end) / 2,
            height - 7,
            "requests of a shard over the mean of all",
            anchor="middle",
            css_class="name",
        ),
    ]
    title = "Requests of each shard"
    silent = [arm.label for arm in arms if arm not in drawn]
    note = "The round in the middle by imbalance; the line is the mean, on the right the requests."
    if silent:
        note += f" Without a counter for each shard: {', '.join(silent)}."
    described = f"{title}. " + "; ".join(f"{group.heading}: {group.note}" for group in groups)
    return Chart(
        title, note, svg.drawing(identity, title, described, height, parts), table(drawn, runs)
    )


def bar(name: str, requests: int, share: float, highest: float, look: ArmStyle) -> lanes.Lane:
    def draw(left: float, top: float, right: float, bottom: float) -> list[str]:
        across = scale.Scale(0.0, highest, left, right)
        inset = (bottom - top) * 0.12
        mean = across.at(1.0)
        return [
            svg.rectangle(
                left,
                top + inset,
                across.at(share) - left,
                bottom - top - 2 * inset,
                f"bar {look.css_class}",
            ),
            svg.line(mean, top, mean, bottom, "mean"),
        ]

    return lanes.Lane(name, quantities.short_rate(float(f"{requests:.3g}")), draw)


def table(arms: Sequence[ArmResult], runs: Mapping[str, Run]) -> Table:
    rows = []
    for arm in arms:
        for shard in runs[arm.key].shards:
            core = quantities.ABSENT if shard.core is None else str(shard.core)
            rows.append(
                (
                    arm.label,
                    str(shard.shard),
                    core,
                    quantities.whole(shard.connections_accepted),
                    quantities.whole(shard.requests),
                    quantities.share(shard.busy_share),
                )
            )
    return Table(
        "What each shard did in that round",
        ("arm", "shard", "core", "connections accepted", "requests", "busy"),
        tuple(rows),
    )
