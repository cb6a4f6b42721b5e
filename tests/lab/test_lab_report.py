"""Reports say what results hold, all of it and nothing else, and their drawings stay in their frames."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from report_samples import HOSTILE, many_cores_results, sample_results, wild_results
from turbo_shard_lab.report import html, markdown, scale
from turbo_shard_lab.report.levels import levels
from turbo_shard_lab.report.palette import DARK, LIGHT, style, styles
from turbo_shard_lab.report.quantities import duration, spread
from turbo_shard_lab.report.svg import number
from turbo_shard_lab.results import ArmResult, Results, as_text, from_text

VOID = {"meta", "link", "br", "img", "hr"}
SVG = "{http://www.w3.org/2000/svg}"


class Page(HTMLParser):
    """Checks that tags close in order; collects references and visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.anchors: list[str] = []
        self.tags: list[str] = []
        self.seen: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        if "id" in found:
            self.anchors.append(found["id"] or "")
        self.references += [
            found[name] or "" for name in ("href", "src", "action") if name in found
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> within {self.open}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.seen.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.seen).replace("\u00a0", " ")


def drawings(text: str) -> list[ElementTree.Element]:
    """As XML, which is stricter than a browser."""
    found = re.findall(r"<figure>.*?(<svg.*?</svg>)", text, flags=re.DOTALL)
    return [ElementTree.fromstring(one) for one in found]


def coordinates(drawing: ElementTree.Element) -> Iterator[tuple[float, float]]:
    for one in drawing.iter():
        found = {name: float(one.get(name, 0)) for name in ("x", "y", "width", "height")}
        if one.tag == f"{SVG}line":
            yield float(one.get("x1", 0)), float(one.get("y1", 0))
            yield float(one.get("x2", 0)), float(one.get("y2", 0))
        elif one.tag == f"{SVG}circle":
            yield float(one.get("cx", 0)), float(one.get("cy", 0))
        elif one.tag == f"{SVG}path":
            for x, y in re.findall(r"[ML](\S+) ([^LZ]+)", one.get("d", "")):
                yield float(x), float(y)
        elif one.tag in {f"{SVG}rect", f"{SVG}text"}:
            yield found["x"], found["y"]
            yield found["x"] + found["width"], found["y"] + found["height"]


def test_page_is_well_formed_and_needs_nothing_else() -> None:
    page = Page(html(sample_results()))
    assert page.open == []
    assert "script" not in page.tags
    assert {one for one in page.references if not one.startswith("#")} == {"data:,"}
    assert {one[1:] for one in page.references if one.startswith("#")} <= set(page.anchors)
    assert len(page.anchors) == len(set(page.anchors))
    assert "@import" not in html(sample_results())


@pytest.mark.parametrize("write", [html, markdown])
def test_report_names_every_arm_scenario_error_and_doubt(write: type) -> None:
    results = sample_results()
    text = Page(write(results)).text if write is html else write(results)
    for scenario in results.scenarios:
        assert scenario.question in text
        for arm in scenario.arms:
            assert arm.label in text
            assert arm.command in text
        assert all(doubt in text for doubt in scenario.doubts)
    assert "no wheel for 3.13t" in text
    assert results.command in text
    assert "0123456789abcdef" in text
    assert results.warnings[0] in text


def test_each_scenario_has_its_charts() -> None:
    titles = re.findall(r"<figcaption><strong>(.*?)</strong>", html(sample_results()))
    assert titles.count("p99 latency") == titles.count("Throughput") == 2  # own modes, peers
    assert titles.count("Latency by percentile") == 2
    assert titles.count("Latency by percentile, with peers") == 1
    assert titles.count("CPU of each core over time") == 3
    assert titles.count("Requests of each shard") == 3
    assert titles.count("Latency against throughput") == 1


def test_every_drawing_has_title_and_description_and_figures_beside_it() -> None:
    text = html(sample_results())
    for drawing in drawings(text):
        assert drawing.findtext(f"{SVG}title")
        assert len(drawing.findtext(f"{SVG}desc") or "") > 20
        assert drawing.get("role") == "img"
    assert text.count("<details>") == len(drawings(text))


@pytest.mark.parametrize("seed", range(40))
def test_drawings_of_wild_results_stay_in_their_frames(seed: int) -> None:
    results = wild_results(seed)
    text = html(results)
    assert Page(text).open == []
    assert "<script" not in text
    assert markdown(results)
    for drawing in drawings(text):
        left, top, width, height = map(float, drawing.get("viewBox", "").split())
        assert (left, top) == (0, 0)
        for x, y in coordinates(drawing):
            assert math.isfinite(x) and math.isfinite(y)
            # A mark at the border may reach over it by a little.
            assert -6 <= x <= width + 6, results.seed
            assert -6 <= y <= height + 6, results.seed


def test_hostile_words_are_words() -> None:
    results = wild_results(5)
    results.name, results.command = HOSTILE, HOSTILE
    text = html(results)
    assert "<script" not in text
    assert "alert(&#x27;x&#x27;)" in text
    assert "\x00" not in text and "\x1b" not in text
    page = markdown(results)
    assert "\\<script\\>" in page
    assert "\x1b" not in page


def test_markdown_tables_keep_their_columns() -> None:
    for results in (sample_results(), many_cores_results(), wild_results(4)):
        widths: list[int] = []
        for line in [*markdown(results).splitlines(), ""]:
            if line.startswith("| "):
                widths.append(len(re.findall(r"(?<!\\)\|", line)))
            else:
                assert len(set(widths)) <= 1
                widths = []


def test_what_is_missing_is_never_a_zero() -> None:
    results = sample_results()
    rates = results.scenarios[2]
    refused = rates.arms[1]
    for run in refused.runs:
        run.latency_us, run.percentiles, run.latency_refused = None, [], "generator at its limit"
        run.shards, run.balance_max_over_mean, run.gc, run.cpu_per_core = [], None, None, []
    results.scenarios = [rates]
    page = markdown(results)
    latency = next(line for line in page.splitlines() if line.startswith(f"| {refused.label}"))
    assert latency.split(" | ")[3:] == ["refused"] * 4 + ["refused |"]
    took = page.partition("What it took")[2]
    row = next(line for line in took.splitlines() if line.startswith(f"| {refused.label}"))
    assert row.endswith("| 4 | – | – | – | – |")
    assert "generator at its limit" in page
    text = html(results)
    assert f"Without a counter for each shard: {refused.label}" in text
    assert f"Without a line, since without latencies: {refused.label}" in text


def test_an_arm_has_one_style_in_all_charts() -> None:
    keys = [f"peer{n}" for n in range(20)] + ["shard-tokio", "steal"]
    found = styles(keys)
    assert found["shard-tokio"] == style(0)
    assert found["steal"] == style(1)
    assert len(set(found.values())) == len(keys)
    assert len(LIGHT) == len(DARK) == len(set(LIGHT)) == len(set(DARK))


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return sum(part * one for part, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(("colours", "page"), [(LIGHT, "#ffffff"), (DARK, "#14171b")])
def test_lines_stand_out_from_the_page(colours: tuple[str, ...], page: str) -> None:
    """WCAG 2 asks for three to one in graphics."""
    for colour in colours:
        brighter, darker = sorted((luminance(colour), luminance(page)), reverse=True)
        assert (brighter + 0.05) / (darker + 0.05) >= 3, colour


def test_rates_that_differ_by_chance_are_one_rate() -> None:
    arm = sample_results().scenarios[2].arms[0]
    for number_of_run, run in enumerate(arm.runs):
        assert run.offered_per_second is not None
        run.offered_per_second *= 1 + (number_of_run % 5 - 2) / 500
    assert [len(level.runs) for level in levels(arm)] == [5] * 6
    assert levels(ArmResult("a", "a", "", False)) == []


def test_empty_results_are_a_report_too() -> None:
    results = Results("none", "", None, 0, 0.0, "", {}, {})
    assert "Nothing was compared" in markdown(results)
    assert Page(html(results)).open == []


def test_report_of_what_was_written_and_read_is_the_same() -> None:
    results = sample_results()
    assert html(from_text(as_text(results))) == html(results)


@pytest.mark.parametrize(
    ("us", "shown"),
    [(146, "146 µs"), (1440, "1.44 ms"), (999.6, "1.00 ms"), (2.3e6, "2.30 s"), (0.5, "0.50 µs")],
)
def test_durations_have_three_digits(us: float, shown: str) -> None:
    assert duration(us) == shown


def test_spread_names_the_unit_once() -> None:
    assert spread([140.0, 146.0, 171.0], duration) == "146 µs (140–171)"
    assert spread([985.0, 1030.0, 1060.0], duration) == "1.03 ms (985 µs–1.06 ms)"
    assert spread([None, None], duration) == "–"


@pytest.mark.parametrize("values", [[0.0], [1e-300], [5, 5], [1, 1e15], [math.inf, 3], []])
def test_scales_have_ticks_for_any_values(values: list[float]) -> None:
    for placed in (scale.linear(values, 0, 100), scale.logarithmic(values, 100, 0)):
        ticks = scale.ticks(placed)
        assert 1 <= len(ticks) <= 12
        assert ticks == sorted(set(ticks))
        assert all(math.isfinite(placed.at(value)) for value in (*ticks, -1.0, 1e300))


def test_a_coordinate_that_is_no_number_is_refused() -> None:
    assert number(-0.01) == "0"
    assert number(12.34) == "12.3"
    with pytest.raises(ValueError, match="no coordinate"):
        number(math.nan)
