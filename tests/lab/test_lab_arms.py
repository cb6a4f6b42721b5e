"""Which arms there are, their names, and how each is started."""

from __future__ import annotations

import pytest

from turbo_shard_lab.compare import arms
from turbo_shard_lab.compare.arms import STATS_FLAG, UnknownArm, chosen
from turbo_shard_lab.load.generator import Load, Question, headers_by_name


def test_every_engine_and_every_mode_is_an_arm() -> None:
    known = arms.architectures()
    assert {"steal", "process"} <= set(known)
    assert {f"shard-{engine}" for engine in arms.engines()} <= set(known)


def test_shard_is_the_engine_that_auto_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"tokio": "not here", "glommio": None}
    monkeypatch.setattr("turbo_shard_lab.compare.arms.engines", lambda: found)
    assert [one.key for one in chosen(["shard", "steal"])] == ["shard-glommio", "steal"]
    # The code that starts an arm lists one that cannot run, with its error.
    assert [one.key for one in chosen(["engines"])] == ["shard-tokio", "shard-glommio"]


def test_an_arm_named_twice_is_one() -> None:
    first = next(iter(arms.engines()))
    assert [one.key for one in chosen(["shard", f"shard-{first}", "steal"])] == [
        *(f"shard-{first}", "steal")
    ]


def test_the_engine_is_named_only_where_there_are_several() -> None:
    assert [one.label for one in chosen(["shard", "steal"])] == ["shard mode", "steal mode"]
    labels = [one.label for one in chosen(["shard-tokio", "shard-glommio", "process"])]
    assert labels == ["shard mode on tokio", "shard mode on glommio", "process mode"]


def test_what_makes_an_arm_comes_after_the_users_options() -> None:
    (steal,) = chosen(["steal"])
    arm = steal.serving(("turbo-shard",), ("app:app", "--backlog", "64"))
    assert arm.command[:4] == ("turbo-shard", "app:app", "--backlog", "64")
    assert arm.command[-2:] == ("--mode", "steal")
    assert arm.has_stats and STATS_FLAG not in arm.command


def test_an_unknown_arm_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownArm, match="there is no arm 'fibers'; there are shard, engines, "):
        chosen(["fibers"])


def test_loads_become_options_of_the_generator() -> None:
    closed = Load(4, 1.5, 0.25, (3,)).options()
    assert closed == [
        *("--connections", "4", "--seconds", "1.5", "--warm-up-seconds", "0.25", "--cpu", "3"),
    ]
    load = Load(4, 1, 0, (2, 3), rate=2500.0, seed=7, idle_connections=100)
    text = " ".join(load.options())
    assert "--cpu 2,3 --threads 2 --rate 2500 --arrivals poisson --seed 7" in text
    assert text.endswith("--idle-connections 100")
    assert load.described()["loop"] == "open" and "pipeline" not in load.described()


def test_routes_of_a_mix_say_what_their_options_would() -> None:
    question = Question("/a", "right", "POST", headers=("X-A: b", "X-A: c"), sends="it", status=201)
    assert question.as_route() == {
        "weight": 1.0,
        "path": "/a",
        "method": "POST",
        "headers": {"X-A": "b, c"},
        "body": "it",
        "expect_status": 201,
        "expect_body": "right",
    }
    assert Question("/b", any_body=True).as_route()["expect_any_body"] is True
    assert headers_by_name(["Accept: text/plain"]) == {"Accept": "text/plain"}
