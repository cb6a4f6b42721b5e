"""Fixtures: servers for tests over real sockets, for each architecture and engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arms import ARMS, Arm, engine_faults
from framework_server import Marks
from places import EXAMPLES
from server_process import ServerProcess, StartServer

pytest_plugins = ["alone"]


@pytest.fixture(scope="module", params=ARMS, ids="-".join)
def arm(request: pytest.FixtureRequest) -> Arm:
    chosen: Arm = request.param
    if chosen.mode == "reference":
        return chosen
    if fault := engine_faults().get(chosen.engine):
        pytest.skip(f"{chosen.engine} does not work here: {fault}")
    return chosen


@pytest.fixture(scope="module")
def marks(arm: Arm, tmp_path_factory: pytest.TempPathFactory) -> Marks:
    """The signals between the apps of frameworks and their tests; see tests/apps/marks.py."""
    return Marks(tmp_path_factory.mktemp("marks"))


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the files that open the gates of tests/apps/probe_app.py."""
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def example(arm: Arm) -> Iterator[ServerProcess]:
    """The example on two shards."""
    with ServerProcess(
        "multi_route_app:app", *arm.options, "--shards", "2", app_dir=EXAMPLES
    ) as server:
        yield server


@pytest.fixture(scope="module")
def probe(arm: Arm, gates: Path) -> Iterator[ServerProcess]:
    """tests/apps/probe_app.py on one shard: a request that holds it holds up every other one."""
    with ServerProcess(
        "probe_app:app", *arm.options, "--shards", "1", variables={"GATE_DIR": str(gates)}
    ) as server:
        yield server


@pytest.fixture(scope="module")
def asgi(arm: Arm) -> Iterator[ServerProcess]:
    """One instance of tests/apps/asgi_app.py, so a test finds what another request has left in its journal."""
    options = (*arm.options, "--shards", "1", "--body-max", "256MiB", "--pathsend")
    with ServerProcess("asgi_app:app", *options) as server:
        yield server


@pytest.fixture(scope="module", params=["auto", "always"])
def wsgi_server(arm: Arm, gates: Path, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """tests/apps/wsgi_app.py on one shard, called by the pool (so soon after the start) and on the shard itself."""
    options = ("--interface", "wsgi", *arm.options, "--shards", "1", "--wsgi-inline", request.param)
    with ServerProcess("wsgi_app:app", *options, variables={"GATE_DIR": str(gates)}) as server:
        yield server


@pytest.fixture(scope="module")
def wsgi_pool(arm: Arm, gates: Path) -> Iterator[ServerProcess]:
    """The same, always called by the pool: for paths that wait."""
    options = ("--interface", "wsgi", *arm.options, "--shards", "1", "--wsgi-inline", "never")
    with ServerProcess("wsgi_app:app", *options, variables={"GATE_DIR": str(gates)}) as server:
        yield server


@pytest.fixture
def start_server(gates: Path) -> Iterator[StartServer]:
    """Starts servers with options of the test's own; ends those that the test has left running."""
    started: list[ServerProcess] = []

    def start(app: str = "probe_app:app", *options: str, **settings: object) -> ServerProcess:
        settings.setdefault("variables", {"GATE_DIR": str(gates)})
        server = ServerProcess(app, *options, **settings)  # type: ignore[arg-type]
        started.append(server)
        return server.start()

    yield start
    left = [server for server in started if server.process.poll() is None]
    statuses = [server.stop() for server in left]
    assert not any(statuses), [server.log for server in left]


@pytest.fixture
def start_workers(start_server: StartServer, gates: Path) -> StartServer:
    """Starts tests/apps/process_app.py with so many worker processes, and its gate closed."""

    def start(*options: str, workers: int = 2, **settings: object) -> ServerProcess:
        (gates / "slow").unlink(missing_ok=True)
        arguments = ("--mode", "process", "--shards", str(workers), *options)
        return start_server("process_app:app", *arguments, **settings)

    return start
