"""An impossible scenario file is refused with file and key; the shipped files do what they say."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from turbo_shard_lab.load.generator import Question
from turbo_shard_lab.measure.server import Server
from turbo_shard_lab.scenarios.files import read_all, read_scenarios
from turbo_shard_lab.scenarios.places import SCENARIOS, TURBO_SHARD
from turbo_shard_lab.scenarios.plan import CONFIGURING_VARIABLES
from turbo_shard_lab.scenarios.scenario import Scenario
from turbo_shard_lab.scenarios.toml_table import TableError

SHIPPED = read_all()
NUMBER = "1234"
WHOLE = """
title = "A title"
question = "Is it so?"
app = "scenario_app:app"
arms = ["shard"]

[load]
loop = "closed"
connections = 8

[[routes]]
path = "/short/{n}"
expect_body = '{"number":{n}}'
"""


def read(folder: Path, text: str, name: str = "tried.toml") -> list[Scenario]:
    (folder / name).write_text(text)
    return read_scenarios(folder / name)


def test_a_small_file_is_enough(tmp_path: Path) -> None:
    (scenario,) = read(tmp_path, WHOLE)
    assert scenario.key == "tried"
    assert scenario.load.questions == (Question("/short/{n}", '{"number":{n}}'),)
    assert scenario.server_cores == "several"


def test_a_list_of_connections_makes_a_scenario_of_each(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE.replace("connections = 8", "connections = [8, 16]"))
    assert [one.key for one in found] == ["tried-8", "tried-16"]
    assert [one.load.connections for one in found] == [8, 16]
    assert found[1].title == "A title, 16 connections"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('title = "A title"', "", "title: is missing"),
        ('title = "A title"', "title = 7", "title: 7 is not a text"),
        ("Is it so?", "It is so.", "question: is not a question; let it end with ?"),
        ("scenario_app:app", "scenario app", "app: 'scenario app' is not MODULE:ATTRIBUTE"),
        ("[load]", 'colour = "red"\n[load]', "colour: no such key; there are app, app_dir, "),
        ("[load]", "rounds = 0\n[load]", "rounds: 0 is not a whole number from 1 on"),
        ("[load]", "seconds = -1\n[load]", "seconds: -1 is not a number above 0"),
        ("[load]", 'metrics = ["p98_us"]\n[load]', "metrics: 'p98_us' is none of p50_us, "),
        ("[load]", 'app_dir = "bench/nowhere"\n[load]', "app_dir: there is no directory bench/"),
        ("[load]", 'server_cores = "three"\n[load]', "server_cores: 'three' is none of one, two"),
        ('arms = ["shard"]', "", "arms: name one or more, or peers or [[variants]]"),
        ('arms = ["shard"]', 'arms = "shard"', "arms: 'shard' is not a list of texts"),
        ('loop = "closed"', "", "load.loop: is missing"),
        ('loop = "closed"', 'loop = "half-open"', "load.loop: 'half-open' is none of closed, "),
        ('loop = "closed"', 'loop = "open"', "load.rate: an open loop has either rate or "),
        (
            'loop = "closed"',
            'loop = "closed"\nrate = 5',
            "load.rate: belongs to an open loop; this ",
        ),
        ('loop = "closed"', 'loop = "shares"', 'load.shares: belongs to loop = "shares"'),
        ('loop = "closed"', 'loop = "shares"\nshares = [1.5]', "load.shares: [1.5] is not a list "),
        (
            'loop = "closed"',
            'loop = "closed"\narrivals = "poisson"',
            "load.arrivals: a closed loop",
        ),
        ('loop = "closed"', 'loop = "closed"\nspeed = 3', "load.speed: no such key; there are "),
        (
            "connections = 8",
            "",
            "load.connections: say either connections or connections_per_shard",
        ),
        (
            "connections = 8",
            "connections = []",
            "load.connections: [] is not a list of whole numbers",
        ),
        ("connections = 8", "connections = true", "load.connections: True is not a whole number"),
        ("/short/{n}", "short", "routes[0].path: 'short' does not begin with /"),
        ("expect_body", "expected_body", "routes[0].expected_body: no such key; there are body, "),
        (
            "expect_body = '{\"number\":{n}}'",
            "",
            "routes[0].expect_body: say what comes back: expect_body, echo_bytes or expect_any_body = true",
        ),
        (
            "path =",
            'headers = ["no colon"]\npath =',
            "routes[0].headers: 'no colon' is not `Name: ",
        ),
        ("path =", 'method = "BREW"\npath =', "routes[0].method: 'BREW' is none of GET, POST"),
        ("[[routes]]", "[[routes", "this is no TOML: "),
    ],
)
def test_what_cannot_be_is_refused_with_file_and_key(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    assert WHOLE.count(old) == 1
    with pytest.raises(TableError) as refused:
        read(tmp_path, WHOLE.replace(old, new))
    assert str(refused.value).startswith(f"tried.toml: {complaint}")
    assert "\n" not in str(refused.value)


def test_a_load_beside_has_no_shares(tmp_path: Path) -> None:
    beside = '\n[beside]\nloop = "shares"\nconnections = 1\nshares = [0.5]\n'
    with pytest.raises(
        TableError, match=r"tried.toml: beside.loop: 'shares' is none of closed, op"
    ):
        read(tmp_path, WHOLE + beside)


def test_a_files_name_is_a_key(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="small letters and digits"):
        read(tmp_path, WHOLE, "Tried It.toml")


def test_shipped_scenarios_have_names_of_their_own() -> None:
    assert len(SHIPPED) >= 15
    keys = [one.key for one in SHIPPED]
    assert len(set(keys)) == len(keys)


TABLES = {
    "[[variants]]": 'key = "x"\nlabel = "x"\narms = ["shard"]\n',
    "[[peer_apps]]": 'key = "x"\nlabel = "x"\npeer = "uvicorn-gil"\napp = "x:app"\n',
    "[[goals]]": 'under = ["shard"]\nat_least = 1\n',
    "[[steps]]": 'label = "x"\nhow = "x"\narms = { shard = 1 }\n',
}


def test_the_readme_tells_every_key_of_a_file(tmp_path: Path) -> None:
    text = (SCENARIOS / "README.md").read_text()
    keys: set[str] = set()
    for place in ("", "[load]\n", "[[routes]]\n", *TABLES):
        with pytest.raises(TableError, match="no such key") as refused:
            read(tmp_path, with_unknown_key(place))
        keys |= set(str(refused.value).rpartition("there are ")[2].split(", "))
    assert len(keys) > 50
    assert not [key for key in keys if f"`{key}`" not in text]


def with_unknown_key(place: str) -> str:
    if place in TABLES:
        return f"{WHOLE}\n{place}\n{TABLES[place]}unknown = 1\n"
    return WHOLE.replace(place, f"{place}unknown = 1\n", 1) if place else f"unknown = 1\n{WHOLE}"


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("[[goals]]\nat_least = 1\n", "goals[0].under: is needed"),
        (
            '[[goals]]\nunder = ["shard"]\nat_least = 1\nbelow = 2\n',
            "goals[0].at_least and at_most and below: are one too many",
        ),
        (
            '[[goals]]\nunder = ["shard"]\nmetric = "start_ms"\n',
            "goals[0].metric: 'start_ms' is none of p50_us, ",
        ),
        ('[[steps]]\nlabel = "x"\nhow = "x"\narms = {}\n', "steps[0].arms: name one or more"),
    ],
)
def test_goals_and_steps_that_mean_nothing_are_refused(
    tmp_path: Path, table: str, complaint: str
) -> None:
    with pytest.raises(TableError) as refused:
        read(tmp_path, f"{WHOLE}\n{table}")
    assert str(refused.value).startswith(f"tried.toml: {complaint}")


def test_files_stand_in_the_order_of_their_places(tmp_path: Path) -> None:
    for name, place in (("b", 1), ("a", 2), ("c", 1)):
        (tmp_path / f"{name}.toml").write_text(f"place = {place}\n{WHOLE}")
    assert [one.key for one in read_all(tmp_path)] == ["b", "c", "a"]


APPS = sorted({(one.app, one.app_dir) for one in SHIPPED})


@pytest.fixture(scope="module", params=APPS, ids=lambda app: app[0])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[tuple[str, str], int]]:
    app, app_dir = request.param
    command = [str(TURBO_SHARD), app, "--app-dir", app_dir, "--port", "0", "--shards", "1"]
    with Server(command, [0], without_variables=CONFIGURING_VARIABLES) as one:
        yield request.param, one.port


def test_every_route_answers_what_its_file_says(served: tuple[tuple[str, str], int]) -> None:
    app, port = served
    questions = {
        question
        for one in SHIPPED
        if (one.app, one.app_dir) == app
        for plan in (one.load, one.beside)
        if plan is not None
        for question in plan.questions
    }
    assert questions
    for question in sorted(questions, key=lambda one: (one.path, one.method)):
        ask(port, question)


def ask(port: int, question: Question) -> None:
    def filled(text: str) -> bytes:
        return text.replace("{n}", NUMBER).encode()

    sent = b"x" * question.echo_bytes if question.echo_bytes else filled(question.sends)
    headers = dict(header.split(": ", 1) for header in question.headers)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        path = question.path.replace("{n}", NUMBER)
        connection.request(question.method, path, body=sent or None, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    assert (question.path, answer.status) == (question.path, question.status)
    if not question.any_body:
        wanted = sent if question.echo_bytes else filled(question.body)
        assert (question.path, body) == (question.path, wanted)


def test_apps_of_scenarios_are_in_the_checkout() -> None:
    for app, app_dir in APPS:
        assert (Path(app_dir) / f"{app.partition(':')[0]}.py").is_file()
