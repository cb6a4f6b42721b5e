"""Rounds are interleaved, failures stay with their arm, and everything that makes figures doubtful is reported."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab_runs import run_with
from turbo_shard_lab.compare.arms import Arm
from turbo_shard_lab.compare.doubts import doubts, is_saturated
from turbo_shard_lab.compare.rounds import ArmAnsweredWrong, ArmRuns, run_rounds
from turbo_shard_lab.compare.trial import Outcome, Trial
from turbo_shard_lab.load.generator import BrokenRun, Load, Question, WrongAnswer
from turbo_shard_lab.measure.placement import Placement
from turbo_shard_lab.measure.server import ServerFailed

PLACEMENT = Placement((0, 1), (2,))
TRIAL = Trial((Question("/"),), Load(8, 1.0, 0.1, (2,)), PLACEMENT)


def arms_named(*names: str, is_peer: bool = False) -> list[ArmRuns]:
    return [ArmRuns.of(Arm(name, f"{name} mode", ("serve", name), is_peer)) for name in names]


def measured(
    arms: list[ArmRuns], rounds: int, act: Callable[[str, int], Outcome]
) -> list[tuple[str, int]]:
    seen = []

    def run(arm: Arm, trial: Trial, number: int) -> Outcome:
        seen.append((arm.key, number))
        return act(arm.key, number)

    run_rounds(arms, TRIAL, rounds, lambda *_: None, run)
    return seen


def fine(key: str, number: int) -> Outcome:
    return Outcome(run_with(number), 0, False)


def test_every_second_round_goes_backwards() -> None:
    arms = arms_named("shard", "steal")
    seen = measured(arms, 3, fine)
    assert seen == [
        ("shard", 0),
        ("steal", 0),
        ("steal", 1),
        ("shard", 1),
        ("shard", 2),
        ("steal", 2),
    ]
    assert [run.round for run in arms[1].result.runs] == [0, 1, 2]


def test_an_arm_that_fails_is_not_tried_again_and_keeps_its_runs() -> None:
    arms = arms_named("shard", "steal")

    def act(key: str, number: int) -> Outcome:
        if key == "steal" and number == 1:
            raise BrokenRun("connections were lost")
        return fine(key, number)

    seen = measured(arms, 3, act)
    assert ("steal", 2) not in seen and ("shard", 2) in seen
    assert arms[1].result.error == "round 2: connections were lost"
    assert len(arms[1].result.runs) == 1


def test_a_peer_may_do_better_in_the_next_round() -> None:
    arms = arms_named("granian", is_peer=True)

    def act(key: str, number: int) -> Outcome:
        if number == 0:
            raise BrokenRun("connections were lost")
        return fine(key, number)

    measured(arms, 2, act)
    assert arms[0].result.error is None and len(arms[0].result.runs) == 1
    assert any("1 runs do not count" in line for line in doubts(arms, PLACEMENT))


def test_a_server_that_does_not_start_is_listed_with_its_reason() -> None:
    def act(key: str, number: int) -> Outcome:
        raise ServerFailed("io_uring is not allowed here", 2)

    arms = arms_named("shard")
    measured(arms, 2, act)
    assert arms[0].result.error == "io_uring is not allowed here"


def test_a_wrong_answer_ends_everything_and_names_its_arm() -> None:
    def act(key: str, number: int) -> Outcome:
        if key == "steal":
            raise WrongAnswer("expected 1, got 2")
        return fine(key, number)

    arms = arms_named("shard", "steal", "process")
    with pytest.raises(ArmAnsweredWrong, match="steal mode, round 1: expected 1, got 2"):
        measured(arms, 2, act)
    assert not arms[2].result.runs


def doubts_about(**changes: object) -> str:
    arms = arms_named("shard")
    arms[0].result.runs = [run_with(number, **changes) for number in range(5)]  # type: ignore[arg-type]
    return "\n".join(doubts(arms, PLACEMENT))


def test_quiet_runs_raise_no_doubts() -> None:
    assert doubts_about() == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"other_cpu_share": 0.5}, "other processes ran during 5 of 5 runs, on up to 0.5 cores"),
        ({"stolen_share": 0.1}, "the host took time"),
        ({"generator_cpu_share": 0.99}, "the generator was the limit in 5 of 5 runs"),
        (
            {"p99": None, "latency_refused": "it sent 3 ms late"},
            "no latency in 5 of 5 runs: it sent 3 ms late",
        ),
        (
            {"offered_per_second": 2000.0, "answers_checked": 100_000},
            "saturated in 5 of 5 runs: it served 1,000 of 2,000 requests/s",
        ),
    ],
)
def test_what_makes_figures_doubtful_is_said(changes: dict[str, object], said: str) -> None:
    assert said in doubts_about(**changes)


def test_the_gil_restarts_and_odd_ends_are_told() -> None:
    arms = arms_named("shard")
    measured(arms, 5, lambda key, number: Outcome(run_with(number), 1, True, restarts=1))
    text = "\n".join(doubts(arms, PLACEMENT))
    assert "the GIL was on" in text
    assert "restarted 5 times" in text
    assert "ended with status 1" in text


def test_few_rounds_are_told() -> None:
    arms = arms_named("shard")
    measured(arms, 2, fine)
    assert "with fewer than 5 rounds no difference can be shown" in doubts(arms, PLACEMENT)[0]


def test_chance_is_no_saturation() -> None:
    # Poisson arrivals of few requests are rarely exactly as many as asked for.
    few = run_with(0, rate=90.0, offered_per_second=100.0, answers_checked=90)
    many = run_with(0, rate=90_000.0, offered_per_second=100_000.0, answers_checked=90_000)
    assert not is_saturated(few)
    assert is_saturated(many)
    assert not is_saturated(run_with(0))
