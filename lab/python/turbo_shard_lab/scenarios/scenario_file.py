"""What a file of bench/scenarios/ says, checked key by key; bench/scenarios/README.md tells every key. Runs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from ..load.generator import Question
from ..metrics import METRICS
from .places import ROOT
from .toml_table import REQUIRED, Table, TableError, read_toml

FOLDER = ROOT / "bench/scenarios"
LOOPS = ("closed", "open", "shares")
ARRIVALS = ("poisson", "constant")
SERVER_CORES = ("one", "several", "all-but-load", "all")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
DEFAULT_METRICS = ("p50_us", "p99_us", "requests_per_second", "cpu_us_per_request")
KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class LoadPlan:
    """How a server is asked, before its number of cores is known."""

    loop: str
    questions: tuple[Question, ...]
    connections: int | None
    connections_per_shard: int | None = None
    # Requests per second, of the whole server or for each of its cores.
    rate: float | None = None
    rate_per_server_core: float | None = None
    # Shares of the most that each arm serves.
    shares: tuple[float, ...] = ()
    arrivals: str = "poisson"
    pipeline: int = 1
    slow_read_bytes_per_second: int | None = None
    idle_connections: int = 0

    def connections_for(self, shards: int) -> int:
        return self.connections or (self.connections_per_shard or 1) * shards

    def rate_for(self, server_cores: int) -> float | None:
        if self.rate_per_server_core is not None:
            return self.rate_per_server_core * server_cores
        return self.rate


@dataclass(frozen=True)
class Variant:
    """One way of starting arms, by options of ours."""

    key: str
    label: str
    arms: tuple[str, ...]
    options: tuple[str, ...]


@dataclass(frozen=True)
class Scenario:
    """One question to an app, under one load, on several arms."""

    key: str
    # The file's name without its ending.
    file_key: str
    title: str
    question: str
    app: str
    app_dir: str
    options: tuple[str, ...]
    load: LoadPlan
    # A second load that runs meanwhile; its answers are checked too, its latencies are not part of the question.
    beside: LoadPlan | None
    server_cores: str
    # None: as many as the server has cores.
    shards: int | None
    arms: tuple[str, ...]
    variants: tuple[Variant, ...]
    peers: tuple[str, ...]
    # The arm to compare the others with; by default the first.
    baseline: str | None
    metrics: tuple[str, ...]
    rounds: int
    seconds: float
    warm_up_seconds: float
    # Measured only when it is named.
    on_request: bool

    def with_peers(self, peers: tuple[str, ...]) -> Scenario:
        return replace(self, peers=peers)


def read_all(folder: Path = FOLDER) -> list[Scenario]:
    """Every scenario, in the order of the files' names."""
    return [scenario for path in sorted(folder.glob("*.toml")) for scenario in read_scenarios(path)]


def read_scenarios(path: Path) -> list[Scenario]:
    """One; several where the load has a list of connections."""
    if not KEY.fullmatch(path.stem):
        raise TableError(f"{path.name}: a file's name is small letters and digits, joined by -")
    whole = read_toml(path)
    counts, scenario = scenario_of(whole, path.stem)
    if not counts:
        return [scenario]
    return [
        replace(
            scenario,
            key=f"{scenario.key}-{count}",
            title=f"{scenario.title}, {count} connections",
            load=replace(scenario.load, connections=count),
        )
        for count in counts
    ]


def scenario_of(whole: Table, key: str) -> tuple[list[int], Scenario]:
    questions = questions_of(whole)
    counts, load = load_of(whole.table("load"), questions, measured=True)
    beside = None
    if "beside" in whole:
        several, beside = load_of(whole.table("beside"), questions, measured=False)
        if several:
            raise whole.refuse("beside.connections", "only [load] may have several")
    scenario = Scenario(
        key=key,
        file_key=key,
        title=whole.text("title", REQUIRED),
        question=sentence(whole, "question"),
        app=module_and_attribute(whole, "app"),
        app_dir=whole.text("app_dir", "bench/apps"),
        options=whole.texts("options"),
        load=load,
        beside=beside,
        server_cores=whole.text("server_cores", "several", choices=SERVER_CORES),
        shards=whole.count("shards"),
        arms=whole.texts("arms"),
        variants=tuple(variant_of(table) for table in whole.tables("variants")),
        peers=whole.texts("peers"),
        baseline=whole.text("baseline"),
        metrics=metrics_of(whole),
        rounds=whole.count("rounds", 5),
        seconds=whole.number("seconds", 0.8),
        warm_up_seconds=whole.number("warm_up_seconds", 0.2),
        on_request=whole.flag("on_request"),
    )
    whole.end()
    if not (ROOT / scenario.app_dir).is_dir():
        raise whole.refuse("app_dir", f"there is no directory {scenario.app_dir} in the checkout")
    if not (scenario.arms or scenario.variants or scenario.peers):
        raise whole.refuse("arms", "name one or more, or peers or [[variants]]")
    return counts, scenario


def sentence(table: Table, key: str) -> str:
    text: str = table.text(key, REQUIRED)
    if not text.endswith("?"):
        raise table.refuse(key, "is not a question; let it end with ?")
    return text


def module_and_attribute(table: Table, key: str) -> str:
    text: str = table.text(key, REQUIRED)
    if not re.fullmatch(r"\w+(\.\w+)*(:\w+(\.\w+)*)?", text):
        raise table.refuse(key, f"{text!r} is not MODULE:ATTRIBUTE")
    return text


def metrics_of(whole: Table) -> tuple[str, ...]:
    found = whole.texts("metrics", DEFAULT_METRICS)
    if unknown := [name for name in found if name not in METRICS]:
        raise whole.refuse("metrics", f"{unknown[0]!r} is none of {', '.join(METRICS)}")
    return found


def variant_of(table: Table) -> Variant:
    variant = Variant(
        key=table.text("key", REQUIRED),
        label=table.text("label", REQUIRED),
        arms=table.texts("arms", REQUIRED),
        options=table.texts("options"),
    )
    table.end()
    if not KEY.fullmatch(variant.key):
        raise table.refuse("key", f"{variant.key!r} is not small letters and digits, joined by -")
    return variant


def questions_of(table: Table) -> tuple[Question, ...]:
    return tuple(question_of(route) for route in table.tables("routes"))


def question_of(route: Table) -> Question:
    path = route.text("path", REQUIRED)
    if not path.startswith("/"):
        raise route.refuse("path", f"{path!r} does not begin with /")
    echo_bytes = route.count("echo_bytes", 0)
    any_body = route.flag("expect_any_body")
    question = Question(
        path=path,
        method=route.text("method", "GET", choices=METHODS),
        body=route.text("expect_body", "", empty=True),
        sends=route.text("body", ""),
        echo_bytes=echo_bytes,
        headers=headers_of(route),
        status=route.count("expect_status", 200, least=100),
        any_body=any_body,
        weight=route.number("weight", 1.0),
    )
    route.end()
    if sum((bool(echo_bytes), any_body, "expect_body" in route)) != 1:
        raise route.refuse(
            "expect_body", "say what comes back: expect_body, echo_bytes or expect_any_body = true"
        )
    if echo_bytes and question.sends:
        raise route.refuse("body", "echo_bytes makes the body by itself")
    return question


def headers_of(route: Table) -> tuple[str, ...]:
    headers = route.texts("headers")
    if wrong := [header for header in headers if not re.fullmatch(r"[\w-]+: ?[^\r\n]*", header)]:
        raise route.refuse("headers", f"{wrong[0]!r} is not `Name: value`")
    return headers


def load_of(
    table: Table, questions: tuple[Question, ...], *, measured: bool
) -> tuple[list[int], LoadPlan]:
    """The numbers of connections where there are several, and the plan."""
    loop = table.text("loop", REQUIRED, choices=LOOPS if measured else LOOPS[:2])
    counts, connections = connections_of(table)
    plan = LoadPlan(
        loop=loop,
        questions=questions_of(table) or questions,
        connections=connections,
        connections_per_shard=table.count("connections_per_shard"),
        rate=table.number("rate"),
        rate_per_server_core=table.number("rate_per_server_core"),
        shares=table.numbers("shares", above=0, below=1),
        arrivals=table.text("arrivals", "poisson", choices=ARRIVALS),
        pipeline=table.count("pipeline", 1),
        slow_read_bytes_per_second=table.count("slow_read_bytes_per_second"),
        idle_connections=table.count("idle_connections", 0),
    )
    table.end()
    check(table, plan)
    return counts, plan


def connections_of(table: Table) -> tuple[list[int], int | None]:
    value = table.values.get("connections")
    if not isinstance(value, list):
        return [], table.count("connections")
    table.asked.add("connections")
    if not value or not all(type(one) is int and one >= 1 for one in value):
        raise table.refuse("connections", f"{value!r} is not a list of whole numbers from 1 on")
    return value, value[0]


def check(table: Table, plan: LoadPlan) -> None:
    if not plan.questions:
        raise table.refuse("routes", "there are none, here or in the file: [[routes]]")
    if (plan.connections is None) == (plan.connections_per_shard is None):
        raise table.refuse("connections", "say either connections or connections_per_shard")
    rates = [key for key in ("rate", "rate_per_server_core") if key in table]
    if plan.loop == "open" and len(rates) != 1:
        raise table.refuse("rate", "an open loop has either rate or rate_per_server_core")
    if plan.loop != "open" and rates:
        raise table.refuse(rates[0], f"belongs to an open loop; this one is {plan.loop}")
    if (plan.loop == "shares") != bool(plan.shares):
        raise table.refuse("shares", 'belongs to loop = "shares", which has one or more')
    if plan.loop == "closed" and "arrivals" in table:
        raise table.refuse("arrivals", "a closed loop sends when an answer has come")
    if plan.loop != "closed" and plan.pipeline > 1:
        raise table.refuse("pipeline", 'belongs to loop = "closed"')
