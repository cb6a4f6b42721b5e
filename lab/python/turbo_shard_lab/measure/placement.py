"""Which cores the server gets and which the load, as far apart as the machine allows. Starts nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .machine import siblings

# The load's part of all cores; the generator is cheaper than what it asks for.
LOAD_PART = 4


class PlacementError(Exception):
    """Cores that cannot be had; the text is one line."""


@dataclass(frozen=True)
class Placement:
    """Cores by number, ascending."""

    server: tuple[int, ...]
    load: tuple[int, ...]

    @property
    def shared(self) -> list[int]:
        return sorted(set(self.server) & set(self.load))

    def remarks(self, siblings_of: Callable[[int], set[int]] = siblings) -> list[str]:
        """What a reader of the figures must know about it."""
        lines = []
        if self.shared:
            cores = ", ".join(map(str, self.shared))
            lines.append(
                f"server and load share core{'s' * (len(self.shared) > 1)} {cores}: "
                "each disturbs the other, and latencies hold the time that they waited for each other"
            )
        else:
            lines += [
                f"cores {one} (server) and {other} (load) are threads of one physical core: they slow each other down"
                for one in self.server
                for other in self.load
                if other in siblings_of(one)
            ][:1]
        if len(self.server) == 1:
            lines.append(
                "the server had one core: that cannot show what several shards do, neither their speed nor their "
                "imbalance"
            )
        return lines


def place(
    allowed: Sequence[int],
    *,
    server: Sequence[int] | None = None,
    load: Sequence[int] | None = None,
    siblings_of: Callable[[int], set[int]] = siblings,
) -> Placement:
    """By default: the last quarter for the load, at least one; with two cores one each; one core is shared.

    `server` and `load` override that; what one of them leaves goes to the other, which gets the other's last core if
    nothing is left.
    """
    cores = sorted(set(allowed))
    for name, given in (("server", server), ("load", load)):
        if missing := sorted(set(given or ()) - set(cores)):
            raise PlacementError(
                f"core {missing[0]} for the {name} is none of those allowed: {cores}"
            )
    if server or load:
        chosen_server = sorted(set(server or ())) or left(cores, load)
        chosen_load = sorted(set(load or ())) or left(cores, server)
        return Placement(tuple(chosen_server), tuple(chosen_load))
    if len(cores) == 1:
        return Placement(tuple(cores), tuple(cores))
    for_load = last_quarter(cores, siblings_of)
    return Placement(tuple(core for core in cores if core not in for_load), tuple(for_load))


def left(cores: list[int], taken: Sequence[int] | None) -> list[int]:
    return [core for core in cores if core not in (taken or ())] or cores[-1:]


def last_quarter(cores: list[int], siblings_of: Callable[[int], set[int]]) -> list[int]:
    """Whole physical cores, unless there is only one."""
    wanted = max(1, len(cores) // LOAD_PART)
    physical: list[list[int]] = []
    for core in cores:
        if not any(core in group for group in physical):
            physical.append([other for other in cores if other in siblings_of(core) | {core}])
    if len(physical) < 2:
        return cores[-wanted:]
    chosen: list[int] = []
    # The first physical core is always the server's.
    for group in reversed(physical[1:]):
        if len(chosen) < wanted:
            chosen += group
    return sorted(chosen)
