"""A plan has the cores that the machine has, the arms that the command line has, and fits into a quarter of an hour."""

from __future__ import annotations

from dataclasses import replace

import pytest

from turbo_shard_lab.compare import arms
from turbo_shard_lab.measure.placement import Placement
from turbo_shard_lab.scenarios import peers
from turbo_shard_lab.scenarios.arms import Candidate, Surroundings, candidates
from turbo_shard_lab.scenarios.cores import cores_for
from turbo_shard_lab.scenarios.files import read_all
from turbo_shard_lab.scenarios.plan import planned, total_s
from turbo_shard_lab.scenarios.scenario import Goal, Scenario, Variant
from turbo_shard_lab.scenarios.toml_table import TableError

LIMIT_S = 15 * 60
SHIPPED = read_all()


def scenario(key: str) -> Scenario:
    return next(one for one in SHIPPED if one.key == key)


@pytest.mark.parametrize(
    ("word", "cores", "server"),
    [
        ("one", [0, 1], (0,)),
        ("all-but-load", [0, 1], (0,)),
        ("several", [0, 1], (0, 1)),
        ("all", [0, 1], (0, 1)),
        ("two", [0, 1], (0, 1)),
        ("load", [0, 1], (1,)),
        ("one", [0, 1, 2, 3], (0,)),
        ("several", [0, 1, 2, 3], (0, 1, 2)),
        ("all-but-load", [0, 1, 2, 3], (0, 1, 2)),
        ("all", [0, 1, 2, 3], (0, 1, 2, 3)),
        ("two", [0, 1, 2, 3], (0, 1)),
        ("load", [0, 1, 2, 3], (3,)),
    ],
)
def test_cores_go_to_the_server_as_the_word_says(
    word: str, cores: list[int], server: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turbo_shard_lab.measure.placement.siblings", lambda core: {core})
    placement = cores_for(word, cores)
    assert placement.server == server
    assert placement.load == (cores[-1],)


def test_all_of_it_takes_less_than_a_quarter_of_an_hour_on_two_cores() -> None:
    shipped = [one for one in SHIPPED if not one.on_request]
    plans = planned(shipped, Surroundings([0, 1]), peers.catalogue(), seed=1)
    assert total_s(plans) < LIMIT_S


def test_rates_and_connections_grow_with_the_machine() -> None:
    few = next(iter(planned([scenario("few-connections")], Surroundings([0, 1]), {}, seed=1)))
    many = next(iter(planned([scenario("few-connections")], Surroundings(range(16)), {}, seed=1)))
    assert few.trial.load.connections == 2 * few.shards
    assert many.trial.load.connections == 2 * many.shards > few.trial.load.connections
    assert few.trial.load.rate and many.trial.load.rate
    assert many.trial.load.rate / few.trial.load.rate == many.shards / few.shards


def found_for(one: Scenario) -> list[Candidate]:
    return candidates(one, Placement((0, 1), (1,)), {}, Surroundings([0, 1]))


def test_shard_is_the_engine_that_auto_takes_and_engines_are_all() -> None:
    found = found_for(replace(scenario("short"), arms=("shard", "engines")))
    assert [one.name for one in found] == ["shard"] + ["engines"] * len(arms.engines())
    assert found[0].arm.label == "shard mode"
    assert {one.arm.key for one in found[1:]} == {f"shard-{name}" for name in arms.engines()}
    words = found[0].arm.command
    assert words[words.index("--shards") + 1] == "2"


def test_an_arm_that_the_command_line_does_not_have_is_listed_with_that() -> None:
    (found,) = found_for(replace(scenario("short"), arms=("carousel",)))
    assert found.error is not None
    assert found.error.startswith("this turbo-shard has no arm carousel; it has shard-")


def test_variants_have_their_options_and_keys() -> None:
    variant = Variant("own", "an app each", ("shard",), ("--app-per-shard", "always"))
    (found,) = found_for(replace(scenario("short"), arms=(), variants=(variant,)))
    assert found.name == "shard-own"
    assert found.arm.key.endswith("-own")
    assert found.arm.label == "shard mode, an app each"
    assert "--app-per-shard" in found.arm.command


def test_a_baseline_that_is_no_arm_is_refused() -> None:
    with pytest.raises(TableError, match=r"short: baseline: 'nobody' is no arm; there are shard, "):
        found_for(replace(scenario("short"), baseline="nobody"))


def test_a_goal_for_what_is_no_arm_is_refused() -> None:
    goal = Goal(("shard",), ("nobody",), "requests_per_second")
    with pytest.raises(TableError, match=r"short: goals: 'nobody' is no arm; there are shard, "):
        found_for(replace(scenario("short"), goals=(goal,)))


def test_a_load_of_one_core_is_on_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turbo_shard_lab.measure.placement.siblings", lambda core: {core})
    assert cores_for("one", range(8)) == Placement((0,), (6, 7))
    assert cores_for("one", range(8), "one") == Placement((0,), (7,))
