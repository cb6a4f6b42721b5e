"""Scenarios compare arms that they have, no goal of issue and docs is left out, and shared cores are accounted for."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace

import pytest

from turbo_shard_lab.load.generator import Load, Question, WrongAnswer
from turbo_shard_lab.scenarios import under_test
from turbo_shard_lab.scenarios.arms import ENGINES, USER, Arm
from turbo_shard_lab.scenarios.commands import PEER_APPS
from turbo_shard_lab.scenarios.cost_steps import EXTRAS, STEPS, Step, cost_arms, cost_of
from turbo_shard_lab.scenarios.figures import ratio
from turbo_shard_lab.scenarios.framework_results import figures_of
from turbo_shard_lab.scenarios.grounds import Ground
from turbo_shard_lab.scenarios.machine import cores_for_servers
from turbo_shard_lab.scenarios.peers import catalogue
from turbo_shard_lab.scenarios.places import PEERS, ROOT
from turbo_shard_lab.scenarios.rounds import ArmRuns, Run, run_once
from turbo_shard_lab.scenarios.scaling import REPORT, capacity, scaling, work
from turbo_shard_lab.scenarios.scenarios import FLASK_USER, Scenario, against_peers, with_earlier

KNOWN = catalogue()
OURS, LATER, GIL = Ground(), Ground(version="3.14t"), Ground("gil", "3.13")
EVERY = [*against_peers(OURS, ENGINES, KNOWN), *scaling(OURS, "tokio")]
# What the issue of real apps wants against the best peer of the same interpreter.
GOALS = {
    **{
        "raw": 1.3,
        "echo": 1.5,
        "ws_short": 1.5,
        "ws_long": 1.5,
        "fastapi": 1.15,
        "fastapi_plain": 1.5,
    },
    **{"wsgi": 1.25, "flask": 1.1},
}
SERVERS = ("uvicorn", "granian", "weft", "peregrine", "h2corn", "fastpysgi")


def run(rate: float = 1, shared: float = 0, cores: int = 1) -> Run:
    return Run(0, rate, {}, 1, 1, 1, 0, 0, shared_share=shared, server_cores=cores)


def run_that_costs(server_us: float, system_us: float) -> Run:
    return replace(run(), server_us=server_us, server_system_us=system_us)


def test_keys_are_unique_and_comparisons_know_their_arms() -> None:
    keys = [arm.key for one in EVERY for arm in one.arms]
    assert len(keys) == len(set(keys))
    for one in EVERY:
        known = {arm.key for arm in one.arms}
        for each in one.comparisons:
            assert {each.over, each.under, each.and_under or each.under} <= known, one.key


@pytest.mark.parametrize(
    ("scenario", "under", "limit"),
    [
        ("raw", "raw_granian_asgi", 2.5),
        ("raw", "raw_uvicorn_gil", 1),
        ("echo", "echo_granian_asgi", 2),
        ("ws_short", "ws_short_granian_asgi", 2),
        ("fastapi", "fastapi_granian_asgi", 1.2),
        ("fastapi_plain", "fastapi_plain_granian_asgi", 1.2),
        ("scaling_fastapi", "scaling_fastapi_one", 1.9),
        ("scaling_report", "scaling_report_one", 1.9),
    ],
)
def test_every_goal_is_there(scenario: str, under: str, limit: float) -> None:
    (found,) = (one for one in EVERY if one.key == scenario)
    goals = [each.goal for each in found.comparisons if each.under == under and each.goal]
    assert goals and all(goal.limit == limit and goal.relation == "≥" for goal in goals)


@pytest.mark.parametrize("ground", [OURS, LATER, GIL], ids=lambda one: one.name + one.version)
def test_every_work_has_every_server_and_its_goal(ground: Ground) -> None:
    found = {one.key: one for one in against_peers(ground, ["tokio"], KNOWN)}
    assert {key: one.goal.limit for key, one in found.items() if one.goal} == GOALS
    for key, one in found.items():
        labels = " ".join(arm.label for arm in one.arms if arm.key in one.rivals)
        wsgi = key in ("wsgi", "flask")
        servers = [name for name in SERVERS if not wsgi or name not in ("uvicorn", "h2corn")]
        assert all(name in labels for name in servers) and len(one.rivals) == len(servers), key


def test_on_an_interpreter_that_was_named_all_run_there() -> None:
    for one in [*against_peers(LATER, ["tokio"], KNOWN), *scaling(LATER, "tokio")]:
        assert all(arm.command[0].startswith(str(PEERS / "3.14t")) for arm in one.arms)
    raw = against_peers(LATER, ["tokio"], KNOWN)[0]
    assert not raw.comparisons
    (uvicorn,) = (arm for arm in raw.arms if arm.key == "raw_uvicorn")
    assert {"uvloop", "httptools"} <= set(uvicorn.command)


def test_with_a_gil_ours_are_processes() -> None:
    assert scaling(GIL, "tokio") == []
    for one in against_peers(GIL, ["tokio"], KNOWN):
        ours = one.arms[0].command
        assert ours[ours.index("--mode") + 1] == "process" and "process mode" in one.arms[0].label


def test_a_peer_that_cannot_be_had_is_listed_and_not_started() -> None:
    missing = {"weft-free-threaded": "could not be installed: no wheel"}
    raw = against_peers(OURS, ["tokio"], KNOWN, missing)[0]
    (weft,) = (arm for arm in raw.arms if arm.key == "raw_weft")
    result = ArmRuns(weft, cores=[0])
    assert run_once(result, 0, Load(1, 1, 0, cores=(0,))) == "could not be installed: no wheel"
    assert result.excused and not result.runs


def test_an_earlier_build_is_an_arm_more() -> None:
    raw = with_earlier(against_peers(OURS, ["tokio"], KNOWN)[0], "target/earlier")
    ours, earlier = raw.arms[:2]
    assert earlier.command == ("env", "PYTHONPATH=target/earlier", *ours.command)
    assert (raw.comparisons[-1].over, raw.comparisons[-1].under) == (ours.key, earlier.key)
    figures = figures_of(raw, [ArmRuns(arm, runs=[run()]) for arm in raw.arms])
    assert [one.key for one in figures if one.key.endswith("_best")] == ["raw_tokio_over_best"]


class ServerThatAnswersWrong:
    exit_status = 0

    def __enter__(self) -> None:
        raise WrongAnswer("expected 1, found 2")

    def __exit__(self, *about: object) -> None: ...


def test_a_wrong_answer_ends_a_peer_and_with_ours_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(under_test, "server", lambda *about: ServerThatAnswersWrong())
    raw = against_peers(OURS, ["tokio"], KNOWN)[0]
    ours, peer = ArmRuns(raw.arms[0], cores=[0]), ArmRuns(raw.arms[1], cores=[0], runs=[run()])
    assert run_once(peer, 1, Load(1, 1, 0, cores=(0,))) == "answered wrong: expected 1, found 2"
    assert peer.excused and not peer.runs
    with pytest.raises(WrongAnswer):
        run_once(ours, 1, Load(1, 1, 0, cores=(0,)))


def test_websockets_are_left_out_where_they_only_cost() -> None:
    granian = KNOWN["granian-asgi-gil"]
    assert "--no-ws" in granian.serving("a:b", 1)
    assert "--no-ws" not in granian.serving("a:b", 1, websocket=True)


def test_without_peers_only_our_own_comparisons_are_left() -> None:
    raw, one_shard = EVERY[0].without_peers(), EVERY[-1].without_peers()
    assert raw.arms and not raw.comparisons and not raw.rivals
    assert one_shard == EVERY[-1]


def test_all_arms_of_a_scenario_answer_the_same_question() -> None:
    for one in EVERY:
        assert len({arm.question for arm in one.arms}) == 1


def test_the_generators_time_on_the_servers_cores_is_taken_out() -> None:
    alone = run(1000)
    beside = run(1800, shared=0.2, cores=2)
    assert (capacity(alone), capacity(beside)) == (1000, 2000)
    one, two = ArmRuns(arm_of(EVERY[-1], 0), runs=[alone]), ArmRuns(arm_of(EVERY[-1], 2))
    two.runs = [beside]
    assert ratio("key", "label", two, one, None, capacity).values == [2]


def test_cpu_time_per_answer_counts_on_as_many_cores_as_there_are() -> None:
    assert work(replace(run(cores=2), server_us=100)) == 20_000


def test_two_shards_are_held_against_the_mean_of_both_places() -> None:
    one, beside, own, _ = EVERY[-1].arms
    assert (one.beside_generator, beside.beside_generator, own.cores) == (False, True, 2)
    alone, together = ArmRuns(one, runs=[run(1000)]), ArmRuns(beside, runs=[run(960, shared=0.2)])
    two = ArmRuns(own, runs=[run(1980, shared=0.2, cores=2)])
    figure = ratio("key", "label", two, alone, None, capacity, together)
    assert figure.values == [2]
    together.runs, together.error = [], "no"
    figure = ratio("key", "label", two, alone, None, capacity, together)
    assert not figure.values and figure.error == "1 shard, beside the generator: no"


def arm_of(scenario: Scenario, index: int) -> Arm:
    return scenario.arms[index]


def test_the_generators_core_is_the_last_that_a_server_gets() -> None:
    assert cores_for_servers([0, 1], 0, 1) == [0, 1]
    assert cores_for_servers([0, 1, 2, 3], 0, 1) == [0, 2, 3, 1]


def test_an_arm_with_too_few_cores_is_listed_and_excused() -> None:
    result = ArmRuns(arm_of(EVERY[-1], 2), cores=[0])
    run_once(result, 0, Load(1, 1, 0, cores=(0,)))
    assert result.error == "needs 2 cores" and result.excused


def test_questions_become_options_of_the_generator() -> None:
    assert USER.options()[0::2] == ["--path", "--expect-body"]
    echo = Question("/echo", method="POST", echo_bytes=64, headers=("A: b",))
    assert echo.options() == [
        *("--path", "/echo", "--method", "POST", "--header", "A: b", "--echo-bytes", "64"),
    ]
    assert "--websocket" in Question("/", websocket="text", echo_bytes=32).options()


def test_the_expected_report_is_what_the_app_makes() -> None:
    app = runpy.run_path(str(ROOT / PEER_APPS / "asgi_app.py"))
    template = (ROOT / REPORT.body.removeprefix("@")).read_text()
    assert app["encode"](app["report"](1234)) == template.replace("{n}", "1234")


def test_the_body_expected_of_flask_is_flasks_own() -> None:
    template = (ROOT / FLASK_USER.body.removeprefix("@")).read_text()
    record = runpy.run_path(str(ROOT / PEER_APPS / "asgi_app.py"))["user_record"](1234)
    assert json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n" == template.replace(
        "{n}", "1234"
    )


def test_the_steps_sum_up_to_the_whole_request() -> None:
    *parts, whole = STEPS
    total: dict[str, float] = {}
    for step in parts:
        for key, weight in step.weights.items():
            total[key] = total.get(key, 0) + weight
    assert {key: weight for key, weight in total.items() if weight} == whole.weights


def test_every_arm_of_the_costs_is_used() -> None:
    used = {key for step in (*STEPS, *EXTRAS) for key in step.weights}
    assert used == {arm.key for arm in cost_arms("tokio")}


def test_a_cost_is_a_difference_within_rounds() -> None:
    whole, base, *_ = (ArmRuns(arm) for arm in cost_arms("tokio"))
    whole.runs = [run_that_costs(5.0, 3.0)]
    base.runs = [run_that_costs(3.5, 2.0)]
    step = Step("label", "how", {whole.arm.key: 1, base.arm.key: -1})
    cost = cost_of(step, [whole, base]).as_json()
    assert (cost["us"], cost["kernel_us"]) == (1.5, 1.0)
    base.runs, base.error = [], "not here"
    cost = cost_of(step, [whole, base]).as_json()
    assert cost["us"] is None and "not here" in str(cost["error"])
