"""Libraries that count, trace and report: each event counts once, on any shard."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from library_server import Serve, Way, ask

from server_process import ServerProcess
from waiting import wait_until

# Two workers never have as many each, so that what they tell is told apart.
ODD = 21


def metrics(server: ServerProcess, wanted: str) -> set[tuple[str, ...]]:
    """The values of these metrics from all shards: one tuple if they agree."""
    return {tuple(re.findall(wanted, answer.text, re.M)) for answer in ask(server, "/metrics")}


def test_prometheus_totals(serve_app: Serve, way: Way) -> None:
    server = serve_app("prometheus_app:app")
    ask(server, "/work/{}", times=ODD)
    wanted = r'^(?:seen_total\{path="/work"\}|sizes_count|sizes_sum|sizes_bucket\{le="10.0"\}|inside) (\S+)$'
    found = metrics(server, wanted)
    if way.is_one_process:
        assert found == {("21.0", "11.0", "21.0", "210.0", "21.0")}
    else:
        # As with any server's workers: each has its own, unless PROMETHEUS_MULTIPROC_DIR joins them.
        assert sum(float(values[0]) for values in found if values) == ODD


def test_prometheus_fastapi_instrumentator(serve_app: Serve, way: Way) -> None:
    server = serve_app("instrumentator_app:app")
    ask(server, "/work", times=ODD)
    found = metrics(server, r'^http_requests_total\{handler="/work".*\} (\S+)$')
    if way.is_one_process:
        assert found == {("21.0",)}
    else:
        assert sum(float(values[0]) for values in found if values) == ODD


def at_once(server: ServerProcess, targets: list[str]) -> list[int]:
    """The status of each; all are asked at once."""

    def status(target: str) -> int:
        with server.client() as client:
            answer: httpx.Response = client.get(target)
            return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(status, targets))


def lines(events: Path, count: int) -> list[str]:
    """The app's lines, once there are so many."""
    wait_until(
        lambda: events.exists() and len(events.read_text().splitlines()) >= count, "the events"
    )
    return events.read_text().splitlines()


@pytest.mark.parametrize("kind", ["message", "thread"])
def test_sentry_keeps_requests_apart(serve_app: Serve, tmp_path: Path, kind: str) -> None:
    """Each event is sent once, with what its own request has set and no other's."""
    server = serve_app("sentry_app:app")
    statuses = at_once(server, [f"/{kind}/{number}" for number in range(16)])
    assert statuses == [200] * 16
    wanted = sorted(f"message-{number} {number}" for number in range(16))
    assert sorted(lines(tmp_path / "events", 16)) == wanted


@pytest.mark.parametrize("kind", ["error", "early"])
def test_sentry_hears_of_an_error_once(serve_app: Serve, tmp_path: Path, kind: str) -> None:
    """The server logs it too, in the request's context: Sentry sees that it has it already."""
    server = serve_app("sentry_app:app")
    statuses = at_once(server, [f"/{kind}/{number}" for number in range(16)])
    assert statuses == [500] * 16
    # The last event of each: none follows it.
    statuses = at_once(server, [f"/message/{number}" for number in range(16, 20)])
    wanted = [f"error-{number} {number}" for number in range(16)]
    wanted += [f"message-{number} {number}" for number in range(16, 20)]
    assert sorted(lines(tmp_path / "events", 20)) == sorted(wanted)


def test_opentelemetry_spans_are_counted_once(serve_app: Serve, tmp_path: Path) -> None:
    server = serve_app("opentelemetry_app:app")
    at_once(server, [f"/{number}" for number in range(20)])
    spans = [line.split() for line in lines(tmp_path / "events", 40)]
    names = Counter(span[0] for span in spans)
    assert names == {"GET": 20, "work": 20}
    # Two of each trace: the request's own, and the app's below it.
    assert set(Counter(span[-2] for span in spans).values()) == {2}
