"""Libraries that exist once per process though each shard registers with them: metrics are totals, log lines single."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from refused_apps import write
from server_process import ServerProcess
from shard_apps import CONNECTIONS, SERVE, SHARDS, app_of, of_each_shard
from waiting import wait_until

# prometheus_client.

METRICS = """
import sys
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client import GC_COLLECTOR
from prometheus_client.core import GaugeMetricFamily

class Queue:
    def collect(self):
        yield GaugeMetricFamily("queue_length", "of the queue", value=7)

class Named(Queue):
    def describe(self):
        return [GaugeMetricFamily("named_length", "")]
    def collect(self):
        yield GaugeMetricFamily("named_length", "of the queue", value=8)

REGISTRY.unregister(GC_COLLECTOR)
REGISTRY.register(Queue())
REGISTRY.register(Named())
seen = Counter("seen", "requests")
by_path = Counter("by_path", "requests", ["path"])
sizes = Histogram("sizes", "of answers", buckets=(1, 10))
open_now = Gauge("open_now", "requests in flight")
own = CollectorRegistry()
mine = Counter("mine", "in a registry of the app's", registry=own)

def answer(path):
    if path == "/metrics":
        return generate_latest(REGISTRY).decode() + generate_latest(own).decode()
    open_now.inc()
    seen.inc()
    by_path.labels(path).inc()
    sizes.observe(5)
    mine.inc()
    open_now.dec()
    if path == "/late":
        try:
            Counter("late", "made by a handler").inc()
        except ValueError:
            return "again"
        return "new"
"""


def test_metrics_are_totals_whichever_shard_answers(tmp_path: Path) -> None:
    app_of(tmp_path, METRICS)
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        with server.client() as client:
            seen = 10
            for _ in range(seen):
                client.get("/")
        seen += len(of_each_shard(server, "/x")) * 0 + requests_to(server, "/x")
        for metrics in of_each_shard(server, "/metrics"):
            values = dict(re.findall(r"^([^# ]\S*) (\S+)$", str(metrics), re.MULTILINE))
            assert "python_gc_objects_collected_total" not in str(metrics)
            assert str(metrics).count("\nqueue_length 7.0") == 1
            assert values["named_length"] == "8.0"
            assert values["open_now"] == "0.0"
            x = float(values['by_path_total{path="/x"}'])
            assert float(values["seen_total"]) == x + 10
            assert values["sizes_count"] == values["mine_total"] == values["seen_total"]


def requests_to(server: ServerProcess, path: str) -> int:
    with server.client() as client:
        client.get(path)
    return 1


def test_metric_that_handlers_make_is_refused_to_the_shard_that_has_it(tmp_path: Path) -> None:
    app_of(tmp_path, METRICS)
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        of_each_shard(server, "/late")
        assert of_each_shard(server, "/late") == ["again", "again"]
        for metrics in of_each_shard(server, "/metrics"):
            assert "\nlate_total 2.0" in str(metrics)


def test_package_that_is_imported_late_is_mended_too(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        """
        def answer(path):
            from prometheus_client import Counter, REGISTRY
            try:
                Counter("late", "made by a handler").inc()
            except ValueError:
                pass
            return REGISTRY.get_sample_value("late_total")
        """.replace("\n        ", "\n"),
    )
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        of_each_shard(server)
        assert of_each_shard(server) == [2.0, 2.0]


# logging.

LOGGING = """
import logging, logging.config
configure()
log = logging.getLogger("mine")
def answer(path):
    log.warning("line of mine")
    logging.getLogger("mine.other").warning("line of another")
    return len(log.handlers)
"""
BY_HAND = """
def configure():
    log = logging.getLogger("mine")
    log.addHandler(logging.StreamHandler(sys.stderr))
    def mark(record):
        record.msg += "!"
        return True
    log.addFilter(mark)
"""
GUARDED = """
def configure():
    log = logging.getLogger("mine")
    if not log.handlers:
        log.addHandler(logging.StreamHandler(sys.stderr))
    logging.basicConfig(format="root: %(message)s")
    log.propagate = False
"""
BY_DICT = """
def configure():
    file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "log")
    logging.config.dictConfig({
        "version": 1,
        "handlers": {
            "console": {"class": "logging.StreamHandler"},
            "file": {"class": "logging.FileHandler", "filename": file, "mode": "a"},
        },
        "loggers": {"mine": {"handlers": ["console", "file"], "level": "INFO"}},
    })
    # Made after it, so that only a second configuration would find and disable it.
    logging.getLogger("yours").warning("not disabled")
"""


@pytest.mark.parametrize("configure", [BY_HAND, GUARDED, BY_DICT])
@pytest.mark.parametrize("options", [SHARDS, ("--shards", "1"), (*SHARDS, "--mode", "steal")])
def test_each_line_is_written_once(
    tmp_path: Path, configure: str, options: tuple[str, ...]
) -> None:
    app_of(tmp_path, "import logging, logging.config\n" + configure + LOGGING)
    requests = 12
    with ServerProcess("app:app", *options, app_dir=tmp_path) as server:
        for _ in range(requests):
            with server.client() as client:
                assert client.get("/").status_code == 200

        def is_written() -> bool:
            return server.log.count("line of another") >= requests

        wait_until(is_written, "all lines")
    assert server.log.count("line of mine") == requests
    assert server.log.count("line of another") == requests
    assert server.log.count("line of mine!") == (requests if configure is BY_HAND else 0)
    if configure is BY_DICT:
        assert (tmp_path / "log").read_text().count("line of mine") == requests


def test_configuration_of_a_second_shard_disables_no_logger(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        "import logging, logging.config\n" + BY_DICT + "configure()\n"
        "log = logging.getLogger('after')\n"
        "def answer(path): return log.disabled\n",
    )
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        assert of_each_shard(server) == [False, False]


def test_handlers_of_shared_code_hear_every_shard(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        "import logging, installed\n"
        "def answer(path):\n    installed.log.warning('x')\n    return len(installed.heard)\n",
        installed="import logging\nheard = []\nlog = logging.getLogger('installed')\n"
        "class Hears(logging.Handler):\n    def emit(self, record): heard.append(record)\n"
        "log.addHandler(Hears())\n",
    )
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        heard = of_each_shard(server)
        assert len(set(map(str, heard))) == 2, "each adds to the same list"


def test_atexit_runs_what_each_shard_registered(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        "import atexit\natexit.register(print, 'at the end', file=sys.stderr)\n"
        "def answer(path): ...\n",
    )
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        pass
    assert server.log.count("at the end") == 2


def test_metrics_of_a_factory_that_a_script_has_are_totals(tmp_path: Path) -> None:
    write(
        tmp_path,
        "script.py",
        SERVE.replace('"venv', '"none')
        + """
from prometheus_client import Counter, REGISTRY
from turbo_shard import serve
import logging

def create_app():
    seen = Counter("seen", "requests")
    logging.getLogger("mine").addHandler(logging.StreamHandler(sys.stderr))
    async def made(scope, receive, send):
        seen.inc()
        logging.getLogger("mine").warning("line of mine")
        await app(scope, receive, send)
    return made

def answer(path): return REGISTRY.get_sample_value("seen_total")

serve(create_app, factory=True, port=0, shards=2, lifespan="off")
""",
    )
    server = ServerProcess("", command=(sys.executable, str(tmp_path / "script.py")))
    with server:
        first = max(float(str(seen)) for seen in of_each_shard(server))
        second = max(float(str(seen)) for seen in of_each_shard(server))
        assert second >= first + CONNECTIONS

        def is_written() -> bool:
            return server.log.count("line of mine") >= second

        wait_until(is_written, "a line of each request")
        assert server.log.count("line of mine") == second


def test_libraries_that_are_not_as_they_are_known_are_left_alone(tmp_path: Path) -> None:
    """Another version of prometheus_client, and a user's module with the name of Django Channels."""
    app_of(
        tmp_path,
        "import channels, prometheus_client.registry\n"
        "prometheus_client.registry.CollectorRegistry().register(answer := lambda path: channels.ROOMS)\n",
    )
    write(tmp_path, "channels.py", "ROOMS = ['lobby']\n")
    write(tmp_path, "prometheus_client/__init__.py", "")
    registry = "class CollectorRegistry:\n    def register(self, collector): ...\n"
    write(tmp_path, "prometheus_client/registry.py", registry)
    for options in (SHARDS, (*SHARDS, "--app-per-shard", "never")):
        with ServerProcess("app:app", *options, app_dir=tmp_path) as server:
            assert of_each_shard(server) == [["lobby"], ["lobby"]]
