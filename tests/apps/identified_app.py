"""Apps of each interface that answer with the ids that they find in their request, and one that answers its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Header
from fastapi import WebSocket as FastAPIWebSocket
from turboapi_standin import Header as TurboHeader
from turboapi_standin import TurboAPI

from turbo_shard import App, Request, Response, WebSocket

OWN = "of-the-app"


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    told = [value.decode() for name, value in scope["headers"] if name == b"x-request-id"]
    own = [(b"x-request-id", OWN.encode())] if scope["path"] == "/own" else []
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "headers": own})
        await send({"type": "websocket.send", "text": json.dumps(told)})
        await send({"type": "websocket.close"})
        return
    if scope["path"] == "/fails":
        raise ValueError("of the test")
    body = json.dumps(told).encode()
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": own})
    await send({"type": "http.response.body", "body": body})


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/fails":
        raise ValueError("of the test")
    own = [("X-Request-ID", OWN)] if environ["PATH_INFO"] == "/own" else []
    start_response("200 OK", [("content-type", "application/json"), *own])
    return [json.dumps([environ["HTTP_X_REQUEST_ID"]]).encode()]


native = App()


@native.get("/told")
def told(request: Request) -> list[str]:
    return [value for name, value in request.headers.items() if name.lower() == "x-request-id"]


@native.post("/told")
async def told_later(request: Request, body: bytes) -> list[str]:
    return told(request)


@native.get("/own")
async def own(request: Request) -> Response:
    return Response(json.dumps(told(request)), headers={"X-Request-Id": OWN})


@native.get("/fails")
def fails() -> None:
    raise ValueError("of the test")


@native.websocket("/told")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send(json.dumps([websocket.headers["x-request-id"]]))


fastapi = FastAPI()


@fastapi.get("/told")
async def told_by_plan(x_request_id: list[str] = Header()) -> list[str]:  # noqa: B008
    return x_request_id


@fastapi.post("/told")
async def told_with_body(body: dict[str, str], x_request_id: str = Header()) -> list[str]:
    return [x_request_id]


@fastapi.get("/fails")
def fails_by_plan() -> None:
    raise ValueError("of the test")


@fastapi.websocket("/told")
async def socket_of_fastapi(websocket: FastAPIWebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(json.dumps([websocket.headers["x-request-id"]]))
    await websocket.close()


turboapi = TurboAPI("identified")


@turboapi.get("/told")
def told_by_turboapi(x_request_id: str = TurboHeader()) -> list[str]:
    return [x_request_id]
