"""Which cores a scenario's server and its load have, from one word of its file. Starts nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ..measure.placement import Placement, place

# With fewer, a server of several shards must take the load's core too.
SEVERAL = 2


def cores_for(word: str, allowed: Sequence[int]) -> Placement:
    """`one`: a core of its own. `all-but-load`: what the load leaves. `several`: the same if those are two or more,
    else all. `all`: every core, also the load's."""
    apart = place(allowed)
    if word == "one":
        return Placement(apart.server[:1], apart.load)
    if word == "all" or (word == "several" and len(apart.server) < SEVERAL):
        return Placement(tuple(sorted(allowed)), apart.load)
    return apart
