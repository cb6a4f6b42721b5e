"""Server and load are kept apart where cores allow; otherwise the report says so."""

from __future__ import annotations

import pytest

from turbo_shard_lab.measure.placement import Placement, PlacementError, place


def alone(core: int) -> set[int]:
    """Every core is a physical one."""
    return {core}


def neighbours(core: int) -> set[int]:
    """0 and 1 are threads of one physical core, 2 and 3 of the next."""
    return {core - core % 2, core - core % 2 + 1}


@pytest.mark.parametrize(
    ("cores", "server", "load"),
    [
        (1, [0], [0]),
        (2, [0], [1]),
        (3, [0, 1], [2]),
        (4, [0, 1, 2], [3]),
        (7, [0, 1, 2, 3, 4, 5], [6]),
        (8, [0, 1, 2, 3, 4, 5], [6, 7]),
        (16, list(range(12)), [12, 13, 14, 15]),
    ],
)
def test_the_last_quarter_is_the_loads(cores: int, server: list[int], load: list[int]) -> None:
    found = place(range(cores), siblings_of=alone)
    assert (list(found.server), list(found.load)) == (server, load)


@pytest.mark.parametrize(
    ("cores", "server", "load"),
    [
        (2, [0], [1]),
        (4, [0, 1], [2, 3]),
        (8, [0, 1, 2, 3, 4, 5], [6, 7]),
        (12, [0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11]),
    ],
)
def test_physical_cores_are_not_split_where_there_are_several(
    cores: int, server: list[int], load: list[int]
) -> None:
    found = place(range(cores), siblings_of=neighbours)
    assert (list(found.server), list(found.load)) == (server, load)


def test_cores_that_are_not_allowed_count_for_nothing() -> None:
    found = place([3, 5, 9], siblings_of=alone)
    assert found == Placement((3, 5), (9,))


def test_what_is_given_is_taken_and_the_rest_goes_to_the_other() -> None:
    assert place(range(4), server=[1, 0], siblings_of=alone) == Placement((0, 1), (2, 3))
    assert place(range(4), load=[0], siblings_of=alone) == Placement((1, 2, 3), (0,))
    assert place(range(4), server=[0], load=[1], siblings_of=alone) == Placement((0,), (1,))


def test_if_nothing_is_left_the_last_core_is_shared() -> None:
    found = place([0, 1], server=[0, 1], siblings_of=alone)
    assert (found, found.shared) == (Placement((0, 1), (1,)), [1])


@pytest.mark.parametrize("which", ["server", "load"])
def test_a_core_that_cannot_be_had_is_named(which: str) -> None:
    with pytest.raises(PlacementError, match=f"core 7 for the {which}"):
        place([0, 1], **{which: [7]})  # type: ignore[arg-type]


def test_remarks_say_what_the_placement_cannot_show() -> None:
    assert Placement((0, 1), (2,)).remarks(alone) == []
    (one_core,) = Placement((0,), (1,)).remarks(alone)
    assert "one core: that cannot show what several shards do" in one_core
    shared, one_core = Placement((0,), (0,)).remarks(alone)
    assert shared.startswith("server and load share core 0:")
    (threads,) = Placement((0, 2), (1,)).remarks(neighbours)
    assert "cores 0 (server) and 1 (load) are threads of one physical core" in threads
