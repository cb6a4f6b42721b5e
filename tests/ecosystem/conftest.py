"""Fixtures for apps that use real libraries: two shards serve each, then one, then two worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from library_server import REDIS, WAYS, Redis, Serve, Way, serve

from server_process import ServerProcess


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    chosen: Way = request.param
    return chosen


@pytest.fixture
def serve_app(way: Way, tmp_path: Path) -> Iterator[Serve]:
    """Starts one server the given way. DATABASE and EVENTS name files that the app may use."""
    started: list[ServerProcess] = []

    def start(app: str, *options: str, **variables: str) -> ServerProcess:
        server = serve(app, way, *options, tmp_path=tmp_path, **variables)
        started.append(server)
        return server.start()

    yield start
    statuses = [server.stop() for server in started if server.process.poll() is None]
    assert not any(statuses), [server.log for server in started]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A redis-server on a port of its own."""
    if not REDIS.exists():
        pytest.skip(
            "there is no redis-server here; scripts/install_ecosystem.sh says where it comes from"
        )
    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server
