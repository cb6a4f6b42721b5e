"""What a file of bench/scenarios/ says, checked key by key; bench/scenarios/README.md tells every key. Runs nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ..metrics import METRICS
from .goal_tables import goals_of, steps_of
from .load_tables import load_of, questions_of, speaks_of
from .peers import INTERFACES
from .places import SCENARIOS
from .scenario import IDLE, LOAD, START, PeerApp, Scenario, Variant
from .toml_table import REQUIRED, Table, TableError, read_toml

SERVER_CORES = ("one", "two", "several", "all-but-load", "all", "load")
LOAD_CORES = ("one", "several")
DEFAULT_METRICS = ("p50_us", "p99_us", "requests_per_second", "cpu_us_per_request")
KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_all(folder: Path = SCENARIOS) -> list[Scenario]:
    """Every scenario, in the order of the files' places and names."""
    found = [(path, read_toml(path)) for path in sorted(folder.glob("*.toml"))]
    found.sort(key=lambda one: one[1].count("place", 0))
    return [scenario for path, whole in found for scenario in scenarios_of(whole, path)]


def read_scenarios(path: Path) -> list[Scenario]:
    return scenarios_of(read_toml(path), path)


def scenarios_of(whole: Table, path: Path) -> list[Scenario]:
    """One; several where the load has a list of connections."""
    if not KEY.fullmatch(path.stem):
        raise TableError(f"{path.name}: a file's name is small letters and digits, joined by -")
    whole.count("place", 0)
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
    measures = whole.text("measures", LOAD, choices=(LOAD, START, IDLE))
    scenario = Scenario(
        key=key,
        file_key=key,
        title=whole.text("title", REQUIRED),
        question=sentence(whole, "question"),
        app=module_and_attribute(whole, "app", REQUIRED),
        app_dir=whole.text("app_dir", "bench/apps"),
        options=whole.texts("options"),
        load=load,
        beside=beside,
        server_cores=whole.text("server_cores", "several", choices=SERVER_CORES),
        load_cores=whole.text("load_cores", "several", choices=LOAD_CORES),
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
        measures=measures,
        interface=whole.text("interface", "", choices=INTERFACES[:2]),
        framework=whole.flag("framework"),
        free_threaded_only=whole.flag("free_threaded_only"),
        peer_apps=tuple(peer_app_of(table) for table in whole.tables("peer_apps")),
        goals=goals_of(whole, measures),
        steps=steps_of(whole),
    )
    whole.end()
    for app_dir in {scenario.app_dir, *(one.app_dir or "." for one in scenario.variants)}:
        if not Path(app_dir).is_dir():
            raise whole.refuse("app_dir", f"there is no directory {app_dir} in the checkout")
    if not (scenario.arms or scenario.variants or scenario.peers):
        raise whole.refuse("arms", "name one or more, or peers or [[variants]]")
    return counts, scenario


def sentence(table: Table, key: str) -> str:
    text: str = table.text(key, REQUIRED)
    if not text.endswith("?"):
        raise table.refuse(key, "is not a question; let it end with ?")
    return text


def module_and_attribute(table: Table, key: str, default: object = "") -> str:
    text: str = table.text(key, default)
    if text and not re.fullmatch(r"\w+(\.\w+)*(:\w+(\.\w+)*)?", text):
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
        is_named_alone=table.flag("named_alone"),
        app=module_and_attribute(table, "app"),
        app_dir=table.text("app_dir", ""),
        questions=questions_of(table),
        shards=table.count("shards"),
        server_cores=table.text("server_cores", "", choices=SERVER_CORES),
        speaks=speaks_of(table),
    )
    table.end()
    if not KEY.fullmatch(variant.key):
        raise table.refuse("key", f"{variant.key!r} is not small letters and digits, joined by -")
    return variant


def peer_app_of(table: Table) -> PeerApp:
    found = PeerApp(
        key=table.text("key", REQUIRED),
        label=table.text("label", REQUIRED),
        peer=table.text("peer", REQUIRED),
        app=module_and_attribute(table, "app", REQUIRED),
    )
    table.end()
    return found
