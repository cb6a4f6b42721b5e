"""How to test an app. Run it with

pytest examples
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from urllib.request import urlopen

import pytest
from multi_route_app import app

from turbo_shard import RunningServer, TestClient, running

# Most tests need no socket: the client calls the app on the test's own thread, and hears what a server would send.


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def test_a_user_is_found_by_number(client: TestClient) -> None:
    assert client.get("/users/7").json()["name"] == "User 7"
    assert client.get("/users/seven").status_code == 422


def test_a_user_is_created_from_json(client: TestClient) -> None:
    answer = client.post("/users", json={"name": "Ada", "email": "ada@example.com"})
    assert answer.status_code == 201
    assert answer.json()["user"]["name"] == "Ada"


def test_lines_come_one_by_one(client: TestClient) -> None:
    with client.stream("GET", "/async/stream") as answer:
        assert next(answer.iter_lines()) == '{"line": 0}'


# A test that needs a port has a server. The fixture comes with turbo-shard.


def test_with_a_port(turbo_shard_server: Callable[..., RunningServer]) -> None:
    server = turbo_shard_server(app)
    with urlopen(f"{server.url}/health") as answer:
        assert answer.read() == b'{"status":"ok"}'


# The same within a coroutine, beside whatever else runs on its loop.


def test_beside_a_loop_that_runs() -> None:
    async def main() -> str:
        async with running(app) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /health HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
        return answer.decode()

    assert asyncio.run(main()).endswith('{"status":"ok"}')
