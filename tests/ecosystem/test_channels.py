"""The chat of Django Channels' tutorial: a layer for each event loop, though Django is one for all of them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from library_server import TWO_SHARDS, Redis, Serve, Way, ask, serve
from websockets.sync.client import ClientConnection, connect

from server_process import ServerProcess
from waiting import TIMEOUT_S

CLIENTS = 12


def enter(server: ServerProcess, stack: contextlib.ExitStack, room: str) -> list[ClientConnection]:
    """So many clients in a room, spread over both shards."""
    url = f"{server.url.replace('http', 'ws')}/ws/chat/{room}"
    return [
        stack.enter_context(connect(url, open_timeout=TIMEOUT_S, proxy=None))
        for _ in range(CLIENTS)
    ]


def say(client: ClientConnection, message: str) -> None:
    client.send(json.dumps({"message": message}))


def hear(client: ClientConnection) -> str:
    message: str = json.loads(client.recv(timeout=TIMEOUT_S))["message"]
    return message


@pytest.mark.parametrize("layer", ["core", "pubsub"])
def test_redis_reaches_everybody_in_the_room(serve_app: Serve, redis: Redis, layer: str) -> None:
    server = serve_app("channels_app:app", REDIS=str(redis.port), LAYER=layer)
    with contextlib.ExitStack() as stack:
        room = f"room-{layer}-{server.port}"
        clients = enter(server, stack, room)
        for number, client in enumerate(clients):
            say(client, f"message-{number}")
            assert [hear(other) for other in clients] == [f"message-{number}"] * CLIENTS
        # From a view, on a thread.
        ask(server, f"/announce/{room}", times=2)
        for client in clients:
            assert [hear(client), hear(client)] == ["announced"] * 2


def test_memory_reaches_the_room_on_the_same_shard(serve_app: Serve, way: Way) -> None:
    """All of it with one shard; with two, each has its own, as two processes would."""
    server = serve_app("channels_app:app")
    with contextlib.ExitStack() as stack:
        clients = enter(server, stack, "room")
        say(clients[0], "first")
        assert hear(clients[0]) == "first"
        for number, client in enumerate(clients[1:], 1):
            say(client, f"message-{number}")
            while hear(client) != f"message-{number}":
                pass
        if way.shards == 1:
            heard = [hear(clients[0]) for _ in clients[1:]]
            assert heard == [f"message-{number}" for number in range(1, CLIENTS)]


def test_steal_has_a_layer_for_each_thread_of_asyncio(tmp_path: Path, redis: Redis) -> None:
    variables = {"REDIS": str(redis.port), "LAYER": "core"}
    options = ("--mode", "steal")
    with (
        serve("channels_app:app", TWO_SHARDS, *options, tmp_path=tmp_path, **variables) as server,
        contextlib.ExitStack() as stack,
    ):
        clients = enter(server, stack, "room-steal")
        say(clients[0], "hello")
        assert [hear(client) for client in clients] == ["hello"] * CLIENTS
