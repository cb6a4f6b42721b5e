"""Which cores a scenario's server and its load have, from words of its file. Starts nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ..measure.placement import Placement, place

# With fewer, a server of several shards must take the load's core too.
SEVERAL = 2


def cores_for(word: str, allowed: Sequence[int], load_word: str = "several") -> Placement:
    """`one`: a core of its own. `all-but-load`: what the load leaves. `several`: the same if those are two or more,
    else all. `all`: every core, also the load's. `load`: the load's. `two`: two, the load's if there is no other."""
    apart = place(allowed)
    load = apart.load[-1:] if load_word == "one" else apart.load
    left = tuple(core for core in sorted(allowed) if core not in load)
    if word == "one":
        return Placement(apart.server[:1], load)
    if word == "load":
        return Placement(load[-1:], load)
    if word == "two":
        return Placement(tuple(sorted((*left, *load)[:2])), load)
    if word == "all" or (word == "several" and len(left) < SEVERAL):
        return Placement(tuple(sorted(allowed)), load)
    return Placement(left, load)
