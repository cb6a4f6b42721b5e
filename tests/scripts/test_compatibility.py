"""The page on frameworks shows what the command found, and the command reads test reports rightly."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from importlib import metadata

import pytest

import compatibility
from compatibility import ARMS, FRAMEWORKS, PAGE, Result
from places import ROOT


def case(file: str, name: str, outcome: str = "") -> ElementTree.Element:
    element = ElementTree.Element("testcase", classname=f"tests.frameworks.{file}", name=name)
    if outcome:
        ElementTree.SubElement(element, outcome)
    return element


def test_page_shows_the_kept_results() -> None:
    text = PAGE.read_text()
    assert text == compatibility.page_with(text, compatibility.table(compatibility.kept_results()))


def test_page_has_a_line_for_every_framework() -> None:
    lined = {result.framework for result in compatibility.kept_results()}
    assert lined == {framework.name for framework in FRAMEWORKS}


def test_kept_results_are_of_the_pinned_versions() -> None:
    for result in compatibility.kept_results():
        if result.build == compatibility.build_name():
            package = {one.name: one.package for one in FRAMEWORKS}[result.framework]
            assert result.version == metadata.version(package), "run `make compatibility`"
            for name, version in result.companions.items():
                assert version == metadata.version(name), "run `make compatibility`"


def test_every_file_of_tests_is_there() -> None:
    for framework in FRAMEWORKS:
        for name in framework.tests:
            assert (ROOT / "tests" / f"{name}.py").is_file()


def test_cases_are_counted_for_their_framework_and_arm() -> None:
    cases = [
        case("test_django", "test_a[shard-tokio-asgi]"),
        case("test_django", "test_a[shard-tokio-wsgi]", "failure"),
        case("test_django", "test_b[steal-tokio-asgi-70000]", "error"),
        case("test_django", "test_a[steal-tokio-asgi]"),
        case("test_django", "test_a[shard-glommio-asgi]", "skipped"),
        case("test_flask", "test_c[length-shard-tokio]"),
        case("test_flask", "test_without_an_arm"),
    ]
    arms = {result.framework: result.arms for result in compatibility.results_of(cases)}
    assert arms["Django, ASGI"] == {"shard-tokio": (1, 1), "steal-tokio": (1, 2)}
    assert arms["Django, WSGI"] == {"shard-tokio": (0, 1)}
    assert arms["Flask"] == {"shard-tokio": (1, 1)}
    assert arms["FastAPI"] == {}


def result(framework: str, build: str, passed: int = 3) -> Result:
    return Result(
        framework, "1.0", build, f"CPython {build}", {ARMS[0]: (passed, 3)}, {"msgspec": "2"}
    )


def test_results_of_other_pythons_stay() -> None:
    kept = [result("Flask", "3.13t"), result("Flask", "3.14t"), result("Forgotten", "3.14t")]
    merged = compatibility.merged(kept, [result("Flask", "3.14t", passed=2)])
    assert merged == [result("Flask", "3.13t"), result("Flask", "3.14t", passed=2)]


@pytest.mark.parametrize(
    ("passed", "cell"), [(3, "all 3 pass"), (2, "**2 of 3 pass**"), (0, "**0 of 3 pass**")]
)
def test_line_says_what_passed_and_what_was_not_run(passed: int, cell: str) -> None:
    cells = result("Django, ASGI", "3.14t", passed).cells()
    assert cells == [
        "Django 1.0, ASGI",
        "CPython 3.14t",
        cell,
        *["not run"] * (len(ARMS) - 1),
        "msgspec 2",
    ]


def test_page_without_markers_is_refused() -> None:
    with pytest.raises(SystemExit, match="has lost its markers"):
        compatibility.page_with("no markers", "table")
