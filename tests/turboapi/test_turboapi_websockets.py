"""WebSocket routes of TurboAPI 1.x, over a stand-in of the native socket."""

from __future__ import annotations

import asyncio
import inspect
import sys
from types import ModuleType
from typing import Any

import pytest

from apps import turboapi_standin as ta
from turbo_shard import RegistrationError
from turbo_shard._native import Arguments
from turbo_shard.native.headers import Headers, QueryParams
from turbo_shard.native.params import PARAMETERS_MAX
from turbo_shard.turboapi import adapt
from turboapi_calls import sent


class Socket:
    """A native socket by its description; it gets the messages to receive beforehand."""

    def __init__(self, *messages: Any, headers: dict[str, str] | None = None) -> None:
        self.messages = list(messages)
        self.sent: list[Any] = []
        self.path_params = {"room": "lobby"}
        self.query_params = QueryParams([("n", "2")])
        self.headers = Headers((headers or {}).items())
        self.handshake: Any = {"headers": headers, "path_params": self.path_params}

    async def accept(self, subprotocol: Any = None, headers: Any = None) -> None:
        self.sent.append(("accept", subprotocol))

    async def receive(self) -> Any:
        message = self.messages.pop(0)
        if isinstance(message, Exception):
            raise message
        return message

    async def send_text(self, data: str) -> None:
        self.sent.append(data)

    async def send_bytes(self, data: bytes) -> None:
        self.sent.append(data)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.sent.append(("close", code, reason))


@pytest.fixture
def socket_app(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An app whose native side takes WebSocket routes, and TurboAPI's module of them as if it were imported."""
    module = ModuleType("turboapi.websockets")
    module.WebSocketDisconnect = ta.WebSocketDisconnect  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "turboapi.websockets", module)
    return ta.TurboAPI()


def talk(app: Any, socket: Socket) -> list[Any]:
    [plan] = [plan for plan in adapt(app).plans() if not plan.methods]
    request = sent(path="/rooms/lobby", query=[("n", "2")], **socket.handshake)
    assert plan.view is not None
    values = Arguments(plan.path, plan.arguments).bind(request, plan.view(request))
    [place] = [one.slot for one in plan.arguments if one.source == "socket"]
    values[place] = socket
    asyncio.run(plan.handler(*values))
    return socket.sent


def test_websocket_handler_talks_through_the_native_socket(socket_app: Any) -> None:
    @socket_app.websocket("/rooms/{room}")
    async def chat(websocket: ta.WebSocket, room: str, n: int = 1) -> None:
        socket: Any = websocket
        assert (socket.path_params, socket.query_params) == ({"room": "lobby"}, {"n": "2"})
        await socket.accept(subprotocol="chat")
        await socket.send_json({"room": room, "n": n})
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except ta.WebSocketDisconnect as left:
            assert left.code == 1001

    sent = talk(socket_app, Socket("one", b"two", NativeDisconnect(1001)))
    assert sent == [("accept", "chat"), '{"room": "lobby", "n": 2}', "one", "two"]


class NativeDisconnect(Exception):
    """turbo_shard.WebSocketDisconnect."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.reason = reason


NativeDisconnect.__name__ = "WebSocketDisconnect"


def test_websocket_is_closed_as_the_handler_says(socket_app: Any) -> None:
    def guard(x_token: str = ta.Header("")) -> None:
        if not x_token:
            raise ta.HTTPException(401, "no token")

    @socket_app.websocket("/rooms/{room}")
    async def chat(websocket: Any, guarded: None = ta.Depends(guard)) -> None:  # type: ignore[assignment]
        await websocket.accept()
        async for text in websocket.iter_text():
            if text == "bad":
                raise ta.WebSocketException(1003, "bad words")

    assert talk(socket_app, Socket()) == [("close", 1008, "no token")]
    headers = {"x-token": "t"}
    sent = talk(socket_app, Socket("ok", "bad", headers=headers))
    assert sent == [("accept", None), ("close", 1003, "bad words")]


def test_websocket_handler_may_have_more_parameters_than_a_plan_has_room_for(
    socket_app: Any,
) -> None:
    def query(name: str) -> inspect.Parameter:
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=0, annotation=int)

    for count in (29, 30, 31, 40):

        async def chat(websocket: Any, **names: int) -> None:
            await websocket.accept()
            await websocket.send_json([len(names), names["n"]])

        first = inspect.Parameter("websocket", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        others = [query(name) for name in ("n", *(f"q{number}" for number in range(count - 1)))]
        chat.__signature__ = inspect.Signature([first, *others])  # type: ignore[attr-defined]
        socket_app._websocket_routes["/rooms/{room}"] = chat
        assert talk(socket_app, Socket())[:2] == [("accept", None), f"[{count}, 2]"]
        [plan] = adapt(socket_app).plans()[-1:]
        assert len(plan.arguments) <= PARAMETERS_MAX


def test_websocket_handler_that_is_not_async_is_refused(socket_app: Any) -> None:
    @socket_app.websocket("/ws")
    def chat(websocket: Any) -> None: ...

    with pytest.raises(RegistrationError, match="websocket route /ws: its handler is not async"):
        adapt(socket_app)
