"""Which colour, dash and mark each arm has, the same in every chart. Knows nothing of figures.

The first eight differ for every common kind of colour blindness (after Okabe and Ito, darkened or lightened until they
stand out from the page); dash and mark tell arms apart where colour does not, and in print.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LIGHT = ("#0067a5", "#c94f00", "#00835e", "#b0539a", "#9a6b00", "#2f8fd0", "#6c4fc0", "#5c6066")
DARK = ("#57aef2", "#ff8f4a", "#35cfa2", "#ee9bd3", "#ecc04a", "#a4d8ff", "#b6a1ff", "#b4bac2")
DASHES = ("", "6 3", "2 3", "8 3 2 3")
MARKS = ("circle", "square", "triangle", "diamond")

# The arms compared most often look the same in every report.
USUAL = {"shard-tokio": 0, "steal": 1, "process": 2, "shard-glommio": 3, "shard-uring": 4}


@dataclass(frozen=True)
class ArmStyle:
    colour: int
    dash: str
    mark: str

    @property
    def css_class(self) -> str:
        return f"arm{self.colour}"


def style(slot: int) -> ArmStyle:
    """Eight colours, then the same ones with the next dash and mark."""
    colour, again = slot % len(LIGHT), slot // len(LIGHT)
    mark = MARKS[(colour + again) % len(MARKS)]
    return ArmStyle(colour, DASHES[again % len(DASHES)], mark)


def styles(arms: Iterable[str]) -> Mapping[str, ArmStyle]:
    """By key, in the order in which they first appear; the caller puts ours before peers."""
    keys = list(dict.fromkeys(arms))
    slots = {key: USUAL[key] for key in keys if key in USUAL}
    free = iter(slot for slot in range(len(keys) + len(USUAL)) if slot not in slots.values())
    for key in keys:
        if key not in slots:
            slots[key] = next(free)
    return {key: style(slots[key]) for key in keys}
