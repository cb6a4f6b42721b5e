"""Frameworks that keep named apps or types, and those whose clients' sessions live in a shard's memory.

Such a session is where its first request was. A client that keeps its connection stays there; one that opens another
needs a single shard, or a way back (docs/known-apps.md).
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from pathlib import Path

import httpx
import pytest
from library_server import ONE_SHARD, Serve, Way, ask, post, serve
from websockets.sync.client import connect

from server_process import ServerProcess
from waiting import TIMEOUT_S

# Options that lead each connection of a client to the shard that has its session.
LED_BACK = (ONE_SHARD, Way("by-address", ("--shards", "2", "--steer", "address")))


def test_strawberry(serve_app: Serve) -> None:
    server = serve_app("strawberry_app:app")
    for _ in range(8):
        answer = post(server, "/graphql", json={"query": "{ books { title author { name } } }"})
        assert answer.json() == {"data": {"books": [{"title": "Emma", "author": {"name": "Jane"}}]}}


def test_sanic(serve_app: Serve) -> None:
    server = serve_app("sanic_app:app")
    for number, answer in enumerate(ask(server, "/{}")):
        assert answer.json() == {"name": "shop", "last": number}
    assert post(server, "/echo", json={"a": [1]}).json() == {"a": [1]}


def test_sse_starlette_ends_its_streams_when_the_server_stops(serve_app: Serve) -> None:
    server = serve_app("sse_app:app", "--graceful-timeout", "3600")
    with server.client() as client, client.stream("GET", "/") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: tick"
        server.signal(signal.SIGTERM)
        # The stream is abandoned without an end; its client comes back elsewhere.
        with pytest.raises(httpx.RemoteProtocolError):
            assert set(lines) <= {"data: tick", ""}
    assert server.wait() == 0, server.log


# python-socketio, by the packets of Engine.IO 4 and Socket.IO 5.

POLLING = "/socket.io/?EIO=4&transport=polling"
ADD, ADDED = '420["add",null]', "430[{}]"


class KeptConnection:
    """Requests on one connection."""

    def __init__(self, server: ServerProcess) -> None:
        self.client = server.client()

    def close(self) -> None:
        self.client.close()

    def request(self, method: str, target: str, **settings: object) -> httpx.Response:
        return self.client.request(method, target, **settings)  # type: ignore[arg-type]


class NewConnections:
    """Each request on a connection of its own."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    def request(self, method: str, target: str, **settings: object) -> httpx.Response:
        with self.server.client() as client:
            return client.request(method, target, **settings)  # type: ignore[arg-type]


type Client = KeptConnection | NewConnections


def poll(client: Client) -> None:
    """A client that polls, from its handshake to the third call of its session."""
    opened = client.request("GET", POLLING)
    target = f"{POLLING}&sid={json.loads(opened.text[1:])['sid']}"
    for sent, wanted in (("40", "40{"), *((ADD, ADDED.format(calls)) for calls in (1, 2, 3))):
        assert client.request("POST", target, content=sent).text == "OK"
        assert client.request("GET", target).text.startswith(wanted)


def test_socketio_polling_on_one_connection(serve_app: Serve) -> None:
    server = serve_app("socketio_app:app")
    for _ in range(6):
        with contextlib.closing(KeptConnection(server)) as client:
            poll(client)


@pytest.mark.parametrize("way", LED_BACK, ids=str)
def test_socketio_polling_on_new_connections_that_are_led_back(tmp_path: Path, way: Way) -> None:
    with serve("socketio_app:app", way, tmp_path=tmp_path) as server:
        for _ in range(4):
            poll(NewConnections(server))


def test_socketio_websocket(serve_app: Serve) -> None:
    server = serve_app("socketio_app:app")
    url = f"{server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    for _ in range(6):
        with connect(url, open_timeout=TIMEOUT_S, proxy=None) as client:
            assert str(client.recv(timeout=TIMEOUT_S)).startswith("0{")
            for sent, wanted in (("40", "40{"), (ADD, ADDED.format(1)), (ADD, ADDED.format(2))):
                client.send(sent)
                assert str(client.recv(timeout=TIMEOUT_S)).startswith(wanted)


# The Model Context Protocol over HTTP.

with_mcp = pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="mcp 1.19.0 does not work with the pydantic for Python 3.14"
)


def call_tool(client: Client) -> None:
    """A client, from its initialisation to the answer of a tool."""
    headers = {"Accept": "application/json, text/event-stream"}

    def say(method: str, parameters: dict[str, object], number: int | None) -> httpx.Response:
        message = {"jsonrpc": "2.0", "method": method, "params": parameters}
        if number is not None:
            message["id"] = number
        return client.request("POST", "/mcp", json=message, headers=headers)

    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    opened = say("initialize", hello, 1)
    assert opened.json()["result"]["serverInfo"]["name"] == "adder"
    if session := opened.headers.get("mcp-session-id"):
        headers["mcp-session-id"] = session
    assert say("notifications/initialized", {}, None).status_code == 202
    answer = say("tools/call", {"name": "add", "arguments": {"x": 1, "y": 2}}, 2)
    assert answer.json()["result"]["content"][0]["text"] == "3"


@with_mcp
def test_mcp_session_on_one_connection(serve_app: Serve) -> None:
    server = serve_app("mcp_app:app")
    for _ in range(6):
        with contextlib.closing(KeptConnection(server)) as client:
            call_tool(client)


@with_mcp
@pytest.mark.parametrize("way", LED_BACK, ids=str)
def test_mcp_session_on_new_connections_that_are_led_back(tmp_path: Path, way: Way) -> None:
    with serve("mcp_app:app", way, tmp_path=tmp_path) as server:
        for _ in range(4):
            call_tool(NewConnections(server))


@with_mcp
def test_mcp_without_sessions(serve_app: Serve) -> None:
    server = serve_app("mcp_app:app", STATELESS="1")
    for _ in range(6):
        call_tool(NewConnections(server))
