"""The suites have the arms and goals that issues and docs want, on each interpreter, and answers are what apps give."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from turbo_shard_lab.compare import arms
from turbo_shard_lab.load.generator import Question
from turbo_shard_lab.scenarios.arms import Candidate, Surroundings
from turbo_shard_lab.scenarios.files import read_all
from turbo_shard_lab.scenarios.grounds import Ground
from turbo_shard_lab.scenarios.peers import catalogue
from turbo_shard_lab.scenarios.places import FIXED_ANSWER, PEERS
from turbo_shard_lab.scenarios.plan import PlannedScenario, planned
from turbo_shard_lab.scenarios.scenario import BEST_PEER, Scenario

KNOWN = catalogue()
SUITES = ("smoke", "frameworks", "fastapi", "asgi-cost", "fastapi-cost", "files", "tls", "http2")
EVERY = {suite: read_all(Path("bench/scenarios") / suite) for suite in SUITES}
OURS, LATER, GIL = Ground(), Ground(version="3.14t"), Ground("gil", "3.13")
# What the issue of real apps wants against the best peer of the same interpreter.
AGAINST_THE_BEST = {
    **{"raw": 1.3, "echo": 1.5, "ws-short": 1.5, "ws-long": 1.5, "fastapi": 1.15},
    **{"fastapi-plain": 1.5, "wsgi": 1.25, "flask": 1.1},
}
# What the issue of compiled FastAPI wants against the same.
COMPILED_AGAINST_THE_BEST = {"path": 5, "shop": 4, "model": 4, "plain": 3, "large": 20}
SERVERS = ("uvicorn", "granian", "weft", "peregrine", "h2corn", "fastpysgi")


def plans(suite: str, ground: Ground = OURS, **around: object) -> dict[str, PlannedScenario]:
    found = Surroundings([0, 1], ground, **around)  # type: ignore[arg-type]
    scenarios = [one for one in EVERY[suite] if not (ground.has_gil and one.free_threaded_only)]
    return {one.scenario.key: one for one in planned(scenarios, found, KNOWN, seed=1)}


def named(plan: PlannedScenario, name: str) -> Candidate:
    (found,) = (one for one in plan.candidates if one.name == name)
    return found


def limits(scenario: Scenario, under: str) -> list[tuple[str, float]]:
    return [(one.relation, one.limit) for one in scenario.goals if under in one.under]


def test_arms_that_are_divided_stand_side_by_side() -> None:
    keys = [one.arm.key for one in plans("smoke")["throughput"].candidates]
    wanted = [f"{kind}-{engine}" for engine in arms.engines() for kind in ("shard", "fixed")]
    assert keys[: len(wanted)] == wanted


def test_native_handlers_have_their_goals() -> None:
    plan = plans("smoke")["throughput"]
    wanted = {"fixed-engines": 0.85, "granian-rsgi-gil": 4, "fastapi-uvicorn": 20}
    for under, limit in wanted.items():
        assert limits(plan.scenario, under) == [("≥", limit)]
        assert [one for one in plan.candidates if one.name == under]
    assert named(plan, "fastapi-uvicorn").arm.command[1] == "fastapi_app:app"
    fixed = next(one for one in plan.candidates if one.name == "fixed-engines")
    assert fixed.arm.command[0] == str(FIXED_ANSWER)


def test_a_fixed_answer_is_asked_the_same_and_answers_always_the_same() -> None:
    plan = plans("smoke")["throughput"]
    fixed = next(one for one in plan.candidates if one.name == "fixed-engines")
    (asked,) = plan.trial_of(fixed, plan.trial).questions
    (ours,) = plan.trial.questions
    assert asked.path == ours.path == "/users/{n}"
    assert asked.body == ours.body.replace("{n}", "1234") != ours.body


def test_idleness_and_start_have_their_goals() -> None:
    goals = {
        goal.metric: goal.text
        for plan in plans("smoke").values()
        for goal in plan.scenario.goals
        if not goal.under
    }
    assert goals == {
        "cpu_ticks": "≤ 0",
        "rss_mb": "≤ 28",
        "bytes_per_connection": "≤ 700",
        "start_ms": "< 300",
    }


@pytest.mark.parametrize(
    ("key", "under", "limit"),
    [
        *((key, BEST_PEER, limit) for key, limit in AGAINST_THE_BEST.items()),
        ("raw", "granian-asgi-free-threaded", 2.5),
        ("raw", "reference", 1),
        ("echo", "granian-asgi-free-threaded", 2),
        ("ws-short", "granian-asgi-free-threaded", 2),
        ("fastapi", "granian-asgi-free-threaded", 1.2),
        ("fastapi-plain", "granian-asgi-free-threaded", 1.2),
        ("scaling-fastapi", "shard-beside", 1.9),
        ("scaling-report", "shard-beside", 1.9),
    ],
)
def test_every_goal_is_there(key: str, under: str, limit: float) -> None:
    assert ("≥", limit) in limits(plans("frameworks")[key].scenario, under)


def test_two_shards_of_compiled_routes_have_their_goal() -> None:
    assert ("≥", 1.9) in limits(plans("fastapi")["scaling"].scenario, "shard-beside")


@pytest.mark.parametrize("key", COMPILED_AGAINST_THE_BEST)
def test_every_goal_of_compiled_routes_is_there(key: str) -> None:
    scenario = plans("fastapi")[key].scenario
    assert limits(scenario, BEST_PEER) == [("≥", COMPILED_AGAINST_THE_BEST[key]), ("", 0)]
    assert limits(scenario, "shard-asgi") == [("", 0)]


@pytest.mark.parametrize("key", ["1k", "100k"])
@pytest.mark.parametrize("kind", ["free-threaded", "gil"])
def test_files_have_their_goal(key: str, kind: str) -> None:
    plan = plans("files")[key]
    assert ("≥", 3) in limits(plan.scenario, f"granian-files-{kind}")
    assert named(plan, "nginx").arm.command[-1] == "on"
    assert named(plan, "nginx-read").arm.command[-1] == "off"


def test_tls_has_its_goals() -> None:
    https, handshakes = plans("tls")["https"], plans("tls")["handshakes"]
    assert limits(https.scenario, "shard") == [("≥", 0.8), ("", 0)]
    assert limits(https.scenario, "granian-rsgi-https-free-threaded") == [("≥", 3)]
    assert limits(handshakes.scenario, "rustls-alone") == [("≥", 0.9), ("≥", 1), ("", 0)]
    asked = {
        one.name: handshakes.trial_of(one, handshakes.trial).load.speech.handshakes
        for one in handshakes.candidates
    }
    assert asked == {"shard-full": "full", "shard-resumed": "resumed", "rustls-alone": "full"}


@pytest.mark.parametrize(("key", "least"), [("native", 3), ("asgi", 1.3)])
def test_http2_has_its_goals(key: str, least: float) -> None:
    plan = plans("http2")[key]
    kind = "rsgi" if key == "native" else "asgi"
    for server in (f"granian-{kind}-h2c", "h2corn-h2c", "peregrine-h2c"):
        peer = named(plan, f"{server}-free-threaded")
        assert limits(plan.scenario, peer.name) == [("≥", least)]
        load = plan.trial_of(peer, plan.trial).load
        assert (load.connections, load.speech.streams, load.speech.tls) == (1, 100, False)
    if key == "native":
        assert limits(plan.scenario, "shard") == [("≥", 0.85), ("", 0)]
        assert plan.trial_of(named(plan, "shard"), plan.trial).load.connections == 32


def test_idle_connections_have_their_bounds() -> None:
    held = {"tls": ("shard-https", 12_288), "http2": ("shard-h2c", 8_192)}
    for suite, (arm, most) in held.items():
        goals = plans(suite)["idle"].scenario.goals
        assert [one.limit for one in goals if one.over == (arm,)] == [most]


@pytest.mark.parametrize("ground", [OURS, LATER, GIL], ids=lambda one: one.kind + one.version)
def test_what_readme_shows_is_compared_with_uvicorn_on_the_same_interpreter(ground: Ground) -> None:
    plan = plans("fastapi", ground)["readme"]
    under = f"uvicorn-{ground.kind}"
    assert limits(plan.scenario, under) == [("≥", 10)]
    assert named(plan, under).is_rival
    shown = (Path("README.md").read_text().partition("```python\n")[2]).partition("```")[0]
    served = Path("bench/peers/fastapi_readme_app.py").read_text()
    assert served.endswith(shown)


@pytest.mark.parametrize("suite", ["frameworks", "fastapi"])
@pytest.mark.parametrize("ground", [OURS, LATER, GIL], ids=lambda one: one.kind + one.version)
def test_every_work_has_every_server(ground: Ground, suite: str) -> None:
    for key, plan in plans(suite, ground).items():
        if key.startswith("scaling"):
            continue
        labels = " ".join(one.arm.label for one in plan.candidates if one.is_rival)
        wsgi = key in ("wsgi", "flask")
        servers = [name for name in SERVERS if not wsgi or name not in ("uvicorn", "h2corn")]
        assert all(name in labels for name in servers), key
        assert sum(one.is_rival for one in plan.candidates) == len(servers), key


def test_on_an_interpreter_that_was_named_all_run_there() -> None:
    found = plans("frameworks", LATER)
    for plan in found.values():
        for one in plan.candidates:
            assert one.arm.command[0].startswith(str(PEERS / "3.14t")), one
    uvicorn = named(found["raw"], "uvicorn-free-threaded")
    assert {"uvloop", "httptools"} <= set(uvicorn.arm.command)


def test_with_a_gil_ours_are_processes() -> None:
    found = plans("frameworks", GIL)
    assert not [key for key in found if key.startswith("scaling")]
    for plan in found.values():
        ours = plan.candidates[0].arm
        assert ours.command[ours.command.index("--mode") + 1] == "process"
        assert ours.label.endswith(", in processes")


def test_engines_that_were_not_asked_for_are_left_out() -> None:
    for suite in SUITES:
        for plan in plans(suite, engines=("tokio",)).values():
            words = [word for one in plan.candidates for word in one.arm.command]
            assert "tokio" in words and not {"uring", "glommio"} & set(words), plan.scenario.key


def test_an_earlier_build_is_an_arm_more() -> None:
    ours, earlier, *_ = plans("frameworks", earlier="target/earlier")["raw"].candidates
    assert earlier.arm.command == ("env", "PYTHONPATH=target/earlier", *ours.arm.command)
    assert earlier.arm.label == f"{ours.arm.label}, earlier build"


def test_without_peers_only_our_own_arms_are_left() -> None:
    (raw,) = (one for one in EVERY["frameworks"] if one.key == "raw")
    (plan,) = planned([raw.with_peers(())], Surroundings([0, 1]), KNOWN, seed=1)
    assert plan.candidates and not [one for one in plan.candidates if one.arm.is_peer]


def test_websockets_are_left_out_where_they_only_cost() -> None:
    found = plans("frameworks")
    for key, there in (("raw", True), ("ws-short", False)):
        granian = named(found[key], "granian-asgi-free-threaded")
        assert ("--no-ws" in granian.arm.command) is there


def test_shards_have_the_places_that_they_are_compared_in() -> None:
    plan = plans("frameworks")["scaling-report"]
    places = {one.name: one.placement and one.placement.server for one in plan.candidates}
    assert places == {
        "shard-one": (0,),
        "shard-beside": (1,),
        "shard-own": (0, 1),
        "shard-shared": (0, 1),
    }
    command = named(plan, "shard-shared").arm.command
    assert command[command.index("--app-per-shard") + 1] == "never"
    assert plan.trial_of(named(plan, "shard-beside"), plan.trial).placement.shared == [1]


def test_two_shards_on_one_core_are_listed_and_not_started() -> None:
    scenarios = [one for one in EVERY["frameworks"] if one.key == "scaling-report"]
    (plan,) = planned(scenarios, Surroundings([0]), KNOWN, seed=1)
    assert named(plan, "shard-own").error == "needs 2 cores"
    assert named(plan, "shard-one").error is None


@pytest.mark.parametrize(("suite", "key"), [("asgi-cost", "asgi-cost"), ("fastapi-cost", "steps")])
def test_the_steps_sum_up_to_the_whole_request(suite: str, key: str) -> None:
    scenario = plans(suite)[key].scenario
    *parts, whole = (dict(one.arms) for one in scenario.steps if one.is_part)
    total: dict[str, float] = {}
    for part in parts:
        for name, factor in part.items():
            total[name] = total.get(name, 0) + factor
    assert {name: factor for name, factor in total.items() if factor} == whole


def test_every_arm_of_the_costs_is_used_and_asked_what_it_answers() -> None:
    plan = plans("asgi-cost")["asgi-cost"]
    used = {name for step in plan.scenario.steps for name, _ in step.arms}
    assert used == {one.name for one in plan.candidates}
    trials = {one.name: plan.trial_of(one, plan.trial) for one in plan.candidates}
    assert trials["shard-function"].questions[0].path == "/function"
    assert len(trials["fixed-headers"].questions[0].headers) == 10
    assert trials["fixed-plain"].questions == plan.scenario.load.questions
    assert not [one for one in trials.values() if one.placement != plan.placement]


def test_every_arm_of_a_compiled_requests_costs_is_used() -> None:
    plan = plans("fastapi-cost")["steps"]
    used = {name for step in plan.scenario.steps for name, _ in step.arms}
    assert used == {one.name for one in plan.candidates}


def test_a_start_is_compared_with_uvicorns() -> None:
    scenario = plans("fastapi-cost")["start"].scenario
    assert limits(scenario, "uvicorn-free-threaded") == [("≤", 1.2)]


def question(suite: str, key: str) -> Question:
    (found,) = (one for one in EVERY[suite] if one.key == key)
    return found.load.questions[0]


def expected(one: Question) -> str:
    return Path(one.body.removeprefix("@")).read_text().replace("{n}", "1234")


def test_the_expected_report_is_what_the_app_makes() -> None:
    app = runpy.run_path("bench/peers/asgi_app.py")
    assert app["encode"](app["report"](1234)) == expected(question("frameworks", "scaling-report"))


def test_the_body_expected_of_flask_is_flasks_own() -> None:
    record = runpy.run_path("bench/peers/asgi_app.py")["user_record"](1234)
    text = json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n"
    assert text == expected(question("frameworks", "flask"))


def test_questions_become_options_of_the_generator() -> None:
    assert question("frameworks", "raw").options()[0::2] == ["--path", "--expect-body"]
    assert "--websocket" in question("frameworks", "ws-long").options()
    echo = Question("/echo", method="POST", echo_bytes=64, headers=("A: b",))
    assert echo.options() == [
        *("--path", "/echo", "--method", "POST", "--header", "A: b", "--echo-bytes", "64"),
    ]
