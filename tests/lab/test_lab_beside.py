"""A second load lasts longer than the measured one, and its latencies are never mixed into those of the first."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from turbo_shard_lab.load.beside import Beside, SecondLoad, joined, started
from turbo_shard_lab.load.generator import BrokenRun, Load, Question, WrongAnswer

QUESTION = Question("/burn/{n}", '{"number":{n}}')
MEASURED = Load(32, 0.8, 0.2, (1,), rate=1000, seed=7)
BESIDE = Beside((QUESTION,), Load(1, 0.8, 0.2, (1,), pipeline=16))


def second_load(folder: Path, script: str) -> SecondLoad:
    """What such a generator would have reported."""
    file = folder / "generator.py"
    file.write_text(script)
    with started("127.0.0.1:1", BESIDE, program=[sys.executable, str(file)], directory=None) as it:
        it.report()
        return it


def test_it_outlasts_the_measured_load() -> None:
    load = BESIDE.lasting(MEASURED).load
    assert load.seconds > MEASURED.seconds + MEASURED.warm_up_seconds
    assert (load.warm_up_seconds, load.pipeline, load.seed) == (0.0, 16, 7)


def test_its_answers_count_for_the_server_and_its_latencies_stand_apart() -> None:
    report = {
        "answers_checked": 100,
        "requests_per_second": 10.0,
        "latency_us": {"p50": 1},
        "generator_cpu_share": 0.2,
    }
    second = {
        "answers_checked": 50,
        "requests": 40,
        "requests_per_second": 99.0,
        "latency_us": {"p50": 9},
        "generator_cpu_share": 0.1,
    }
    both = joined(report, second, BESIDE)
    assert both["answers_checked"] == 150
    assert (both["requests_per_second"], both["latency_us"]) == (10.0, {"p50": 1})
    assert both["by_route"] == [
        {"path": "beside: /burn/{n}", "requests": 40, "latency_us": {"p50": 9}}
    ]


def test_a_wrong_answer_beside_breaks_the_run(tmp_path: Path) -> None:
    with pytest.raises(WrongAnswer, match="bodies differ"):
        second_load(
            tmp_path, "import sys; print('turbo-load: bodies differ', file=sys.stderr); sys.exit(3)"
        )


def test_one_that_cannot_ask_breaks_the_run(tmp_path: Path) -> None:
    with pytest.raises(BrokenRun, match="connection refused"):
        second_load(
            tmp_path, "import sys; print('connection refused', file=sys.stderr); sys.exit(4)"
        )
