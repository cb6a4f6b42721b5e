"""The Grafana board of examples/: what it asks for is what a server tells."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from board_queries import BOARD, Panel, Query, panels_of
from turbo_shard._native import metric_rows
from waiting import TIMEOUT_S

OWN_NAME = re.compile(r"\bturbo_shard_\w+")
SELECTOR = re.compile(r"\b(turbo_shard_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
GROUPED_BY = re.compile(r"\bby\s*\(([^)]*)\)")
# What Prometheus itself gives each series of a target.
OF_TARGETS = {"job", "instance"}


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BOARD.read_text())
    return found


PANELS = panels_of(board())
QUERIES = [query for panel in PANELS for query in panel.queries]


def series() -> dict[str, set[str]]:
    """The labels of every series that a server may tell, by its name."""
    labels: dict[str, set[str]] = {}
    for row in metric_rows():
        parts = {"_bucket": {"le"}, "_sum": set(), "_count": set()}
        suffixes = parts if row["kind"] == "histogram" else {"": set()}
        for suffix, more in suffixes.items():
            labels[row["name"] + suffix] = {*row["labels"], *more, *OF_TARGETS}
    return labels


def wrong_in(text: str, known: dict[str, set[str]]) -> list[str]:
    """Names and labels in a query that a server does not tell."""
    wrong = []
    labels: set[str] = set(OF_TARGETS)
    for name, matchers in SELECTOR.findall(text):
        if name not in known:
            wrong.append(name)
            continue
        labels |= known[name]
        wrong += [f"{name}{{{it}}}" for it in MATCHER.findall(matchers) if it not in known[name]]
    for group in GROUPED_BY.findall(text):
        wrong += [f"by {it.strip()}" for it in group.split(",") if it.strip() not in labels]
    return wrong


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.text[:60])
def test_a_query_names_what_a_server_tells(query: Query) -> None:
    known = series()
    assert OWN_NAME.search(query.text)
    assert wrong_in(query.filled(), known) == []
    # A legend names what the query has left.
    kept = {label.strip() for group in GROUPED_BY.findall(query.text) for label in group.split(",")}
    grouped = " by (" in query.text or not re.search(r"\b(sum|max|avg)\b", query.text)
    assert not query.legend_labels() or (
        grouped and query.legend_labels() <= (kept or {"mode", "engine", "version"})
    )


def test_a_name_or_label_that_there_is_not_would_be_found() -> None:
    known = series()
    assert wrong_in("rate(turbo_shard_requests[1m])", known) == ["turbo_shard_requests"]
    assert wrong_in('turbo_shard_ready{shard="0"}', known) == ["turbo_shard_ready{shard}"]
    assert wrong_in("sum by (class) (turbo_shard_in_flight)", known) == ["by class"]


def test_every_metric_that_tells_how_a_server_fares_is_on_the_board() -> None:
    shown = {name for query in QUERIES for name in OWN_NAME.findall(query.text)}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert {row["name"] for row in metric_rows()} - shown == {"turbo_shard_build_info"}


def test_panels_have_places_of_their_own_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    for panel, read in zip(board()["panels"], PANELS, strict=True):
        cells = {
            (x, y) for x in range(read.x, read.x + read.w) for y in range(read.y, read.y + read.h)
        }
        assert not cells & taken, read.title
        assert read.x + read.w <= 24
        taken |= cells
        assert panel["type"] == "row" or (panel["description"] and read.queries), read.title
    ids = [panel["id"] for panel in board()["panels"]]
    assert len(set(ids)) == len(ids)


def test_variables_are_declared_and_nothing_names_somebodys_data_source() -> None:
    declared = {variable["name"] for variable in board()["templating"]["list"]}
    used = {found for query in QUERIES for found in re.findall(r"\$(\w+)", query.text)}
    assert used - {"__rate_interval", "__range"} == {"job", "instance"} <= declared
    for variable in board()["templating"]["list"]:
        assert wrong_in(str(variable.get("definition", "")).replace("$job", ""), series()) == []
    sources = re.findall(r'"uid": "([^"]+)"', BOARD.read_text())
    assert set(sources) == {"turbo-shard", "${datasource}"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_understands_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"board:{number}", "expr": query.filled()}
        for number, query in enumerate(QUERIES)
    ]
    file = tmp_path / "rules.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    checked = subprocess.run(
        ["promtool", "check", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert checked.returncode == 0, checked.stderr
    assert f"SUCCESS: {len(rules)} rules found" in checked.stdout


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        ("percentunit", 0.256, "25.6 %"),
        ("s", 0.0025, "2.5 ms"),
        ("s", 2, "2 s"),
        ("reqps", 1234, "1.23 K"),
        ("short", 7, "7"),
        ("Bps", 2e6, "2 MB/s"),
        ("s", float("nan"), "no data"),
    ],
)
def test_values_have_the_words_of_their_unit(unit: str, value: float, words: str) -> None:
    panel = Panel("stat", "", 0, 0, 1, 1, unit, False, None, (), ())
    assert panel.in_words(value) == words
