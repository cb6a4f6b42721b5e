"""`turbo-shard simulate`: what it refuses, what it prints, that the same seeds give the same figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server_process import run_command
from turbo_shard.cli.command_line import UsageError
from turbo_shard_lab import _native
from turbo_shard_lab.simulate import calibration, prediction, prediction_text, thread_costs
from turbo_shard_lab.simulate.calibration import CalibrationError
from turbo_shard_lab.simulate.options import SimulateOptions, options_from
from turbo_shard_lab.simulate.prediction import Band, Cell, Question
from turbo_shard_lab.simulate.service_times import ServiceTimeError, mean_us, read_distribution

SMALL = ("--shards", "2,8", "--load", "0.5", "--requests", "5000", "--rounds", "3", "--quiet")


def options(*arguments: str) -> SimulateOptions:
    found = options_from(arguments)
    assert isinstance(found, SimulateOptions)
    return found


def test_a_small_run_prints_a_table_and_a_verdict() -> None:
    run = run_command("simulate", *SMALL)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("A prediction, not a measurement: ")
    rows = [line.split() for line in run.stdout.splitlines()]
    named = [(row[0], row[1]) for row in rows if len(row) > 1 and row[0] in ("2", "8")]
    policies = ("hash", "least", "process", "steal")
    assert named == [(cores, policy) for cores in ("2", "8") for policy in policies]
    assert "- lowest p99: " in run.stdout


def test_the_same_seeds_give_the_same_figures() -> None:
    first, second = (run_command("simulate", *SMALL, "--json", "-") for _ in range(2))
    assert first.returncode == 0
    assert first.stdout == second.stdout
    other = run_command("simulate", *SMALL, "--json", "-", "--seed", "2")
    assert json.loads(other.stdout)["cells"] != json.loads(first.stdout)["cells"]


def test_json_holds_what_is_needed_to_repeat_it(tmp_path: Path) -> None:
    file = tmp_path / "prediction.json"
    run = run_command("simulate", *SMALL, "--json", str(file))
    assert run.returncode == 0
    found = json.loads(file.read_text())
    assert found["schema"] == 1
    assert found["seeds"] == [1, 2, 3]
    assert found["parameters"].keys() == set(calibration.NEEDED)
    assert {cell["policy"] for cell in found["cells"]} == {"hash", "least", "process", "steal"}
    for cell in found["cells"]:
        for band in cell["latency_us"].values():
            assert 0 < band["low"] <= band["middle"] <= band["high"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--shards", "0"), "--shards: '0' is no whole number from 1 to 1024"),
        (("--shards", "8..2"), "ends before it begins"),
        (("--shards", "two"), "--shards: 'two' is no whole number"),
        (("--load", "1"), "--load: '1' is not above 0 and below 1"),
        (("--load", "nan"), "--load: 'nan' is not above 0"),
        (("--service", "fixed"), "'fixed' is no time"),
        (("--service", "gamma:8us"), "'gamma:8us' is no service time; there are fixed:8us"),
        (("--service", "bimodal:100us"), "is not as in bimodal:100us,20ms@1%"),
        (("--service", "bimodal:1us,2us@100%"), "between 0 and 100 %"),
        (("--service", "uniform:3ms..1ms"), "service: 3000 is more than 1000"),
        (("--service", "lognormal:8us,9"), "service: sigma must be from 0 to 4"),
        (("--service", "file:/nowhere.json"), "/nowhere.json cannot be read"),
        (("--connections", "4/cpu"), "--connections: '4/cpu' is neither N nor N/shard"),
        (("--policies", "hash,fair"), "--policies: 'fair' is none of hash"),
        (("--arrivals", "burst"), "--arrivals: 'burst' is none of"),
        (("--arrivals", "closed", "--load", "0.5"), "--load has no meaning"),
        (("--set", "wake=3"), "there is no parameter wake; there are"),
        (("--set", "wake_us"), "--set: 'wake_us' is not NAME=VALUE"),
        (("--async-wait", "1ms", "--blocking-wait", "1ms"), "exclude each other"),
        (("--blocking-threads", "2"), "--blocking-threads needs --blocking-wait"),
        (("--path", "/"), "--path needs --calibrate"),
        (("--calibrate", "app:app", "--load", "0.5"), "--load has no meaning with --calibrate"),
        (("--calibration", "/nowhere.json"), "/nowhere.json cannot be read"),
        (("--rounds", "0"), "--rounds: '0' is no whole number from 1"),
        (("app:app",), "'app:app' is one argument too many"),
        (("--shard", "2"), "there is no option --shard; did you mean --shards?"),
    ],
)
def test_wrong_options_get_one_line(arguments: tuple[str, ...], text: str) -> None:
    run = run_command("simulate", *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("turbo-shard: error: ") and run.stderr.count("\n") == 1
    assert text in run.stderr


def test_help_names_every_option_and_every_form_of_a_service_time() -> None:
    run = run_command("simulate", "--help")
    assert (run.returncode, run.stderr) == (0, "")
    for word in ("--shards", "--calibrate", "--set", "bimodal:100us,20ms@1%"):
        assert word in run.stdout


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("8us", 8.0),
        ("fixed:1.5ms", 1500.0),
        ("exponential:250ns", 0.25),
        ("lognormal:8µs", 8.0),
        ("uniform:1ms..3ms", 2000.0),
        ("bimodal:100us,20ms@1%", 299.0),
    ],
)
def test_service_times_have_their_mean(text: str, mean: float) -> None:
    assert mean_us(read_distribution(text, own_request_us=0.0)) == pytest.approx(mean)


def test_measured_service_times_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    file.write_text('{"service_us": [10, 20.5, 30]}')
    assert mean_us(read_distribution(f"file:{file}", own_request_us=5.0)) == pytest.approx(60.5 / 3)
    for wrong in ("[]", "{", '{"service_us": []}', '{"service_us": ["x"]}', '{"schema": 99}'):
        file.write_text(wrong)
        with pytest.raises(ServiceTimeError):
            read_distribution(f"file:{file}", own_request_us=5.0)


def test_options_become_scenarios() -> None:
    chosen = options(
        *("--shards", "2..4", "--load", "0.5,0.5", "--connections", "6", "--arrivals", "pool"),
        *("--blocking-wait", "2ms", "--blocking-threads", "3", "--set", "wake_us=7"),
    )
    assert chosen.shards == (2, 3, 4)
    assert chosen.loads == (0.5,)
    scenario = chosen.question.scenario("steal", 4, 0.5, 9)
    assert (scenario["connections"], scenario["seed"], scenario["cores"]) == (6, 9, 4)
    assert scenario["handler"] == {
        "kind": "blocking",
        "wait": {"kind": "fixed", "us": 2000.0},
        "threads": 3,
    }
    assert scenario["costs"]["wake_us"] == 7.0
    assert scenario["arrivals"]["dispatch"] == "idle"
    expected = 0.5 * 4 * 1e6 / (100 + scenario["costs"]["request_us"])
    assert scenario["arrivals"]["per_second"] == pytest.approx(expected)


def test_a_closed_loop_has_no_load() -> None:
    chosen = options("--arrivals", "closed:1ms")
    assert chosen.loads == (None,)
    scenario = chosen.question.scenario("hash", 2, None, 1)
    assert scenario["arrivals"] == {"loop": "closed", "think_us": 1000.0}


def test_the_calibration_in_the_package_has_a_source_for_everything() -> None:
    found = calibration.read()
    for name, one in found.parameters.items():
        assert one.source in ("measured", "derived", "assumed"), name
        assert one.how and one.unit, name
    assert found.command.startswith("turbo-shard simulate --calibrate")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema": 2}', '{"schema": 1}', '{"schema": 1, "parameters": {}}']
)
def test_a_broken_calibration_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(text)
    with pytest.raises(CalibrationError):
        calibration.read(file)


def test_a_calibration_survives_being_written(tmp_path: Path) -> None:
    calibration.write(calibration.read(), tmp_path / "again.json")
    assert calibration.read(tmp_path / "again.json") == calibration.read()


def test_the_native_module_refuses_in_one_line() -> None:
    for wrong in ("", "{}", "[]", '{"policy": "hash"}'):
        with pytest.raises(ValueError, match=r"^not a scenario: ") as caught:
            _native.simulate(wrong)
        assert "\n" not in str(caught.value)


def test_what_cannot_be_simulated_is_a_usage_error() -> None:
    from turbo_shard_lab.simulate.simulate import simulate

    with pytest.raises(UsageError, match="connections"):
        simulate(options(*SMALL, "--connections", "1000000/shard"))


# Verdicts.


def cell(policy: str, cores: int, p99: float, *, spread: float = 0.01, kept: float = 1.0) -> Cell:
    band = Band(p99, p99 * (1 - spread), p99 * (1 + spread))
    flat = Band(1.0, 1.0, 1.0)
    rate = Band(1000.0 * kept, 1000.0 * kept, 1000.0 * kept)
    latency = dict.fromkeys(prediction.METRICS, band)
    return Cell(policy, cores, 0.7, 1000.0, rate, latency, flat, flat, flat, flat, 5)


def test_a_crossing_is_named_with_both_sides() -> None:
    cells = [
        *(cell("hash", cores, p99) for cores, p99 in ((2, 200.0), (8, 150.0), (32, 100.0))),
        *(cell("steal", cores, p99) for cores, p99 in ((2, 100.0), (8, 150.0), (32, 300.0))),
    ]
    lines = prediction_text.verdict(cells)
    assert lines[0] == "lowest p99: 2 cores: steal; 8 cores: no difference shown; 32 cores: hash"
    assert lines[1] == (
        "hash and steal cross between 2 and 32 cores: up to 2 steal has the lower p99 (2× lower), "
        "from 32 on hash (3× lower)"
    )


def test_bands_that_meet_are_no_difference() -> None:
    cells = [cell("hash", 2, 100.0, spread=0.3), cell("steal", 2, 130.0, spread=0.3)]
    assert prediction_text.verdict(cells) == ["lowest p99: 2 cores: no difference shown"]


def test_who_does_not_keep_up_has_lost() -> None:
    cells = [cell("hash", 2, 50.0, kept=0.9), cell("steal", 2, 500.0)]
    lines = prediction_text.verdict(cells)
    assert lines[0] == "lowest p99: 2 cores: steal"
    assert lines[-1] == "hash does not keep up with the load at 2 cores"


def test_processes_without_costs_of_their_own_are_simulated_with_the_shards() -> None:
    costs = calibration.read().with_values({"shared_us": 0.0}).costs()
    question = Question({"kind": "fixed", "us": 10.0}, costs, 8, True, requests=2000)
    cells = prediction.predict(
        question, policies=["hash", "process"], cores=[4], loads=[0.5], seeds=[1, 2]
    )
    assert cells[0].latency_us == cells[1].latency_us
    shared = Question(question.service, costs | {"shared_us": 2.0}, 8, True, requests=2000)
    hashed, process = prediction.predict(
        shared, policies=["hash", "process"], cores=[4], loads=[0.5], seeds=[1, 2]
    )
    assert hashed.latency_us["mean"].middle > process.latency_us["mean"].middle


def test_progress_is_told_to_its_end() -> None:
    shares: list[float] = []
    chosen = options(*SMALL)
    arguments: dict[str, Any] = {"policies": ["hash"], "cores": [2], "seeds": [1]}
    prediction.predict(chosen.question, loads=[0.3, 0.5], on_progress=shares.append, **arguments)
    assert shares == [0.5, 1.0]


# Calibration.


@pytest.mark.parametrize(
    ("own", "shared", "exclusive"),
    [(1.0, 1.0, 0.0), (1.0, 0.9, 0.0), (1.0, 1.5, 0.5), (1.0, 4.0, 2.0)],
)
def test_exclusive_time_follows_from_what_sharing_costs(
    own: float, shared: float, exclusive: float
) -> None:
    assert thread_costs.Sharing(own, shared).exclusive_us == pytest.approx(exclusive)
