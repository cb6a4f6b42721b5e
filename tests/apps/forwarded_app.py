"""Apps of each interface that answer with what they were told of their client, in one form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi import Request as FastAPIRequest

from turbo_shard import App, Request


def told_by_scope(scope: dict[str, Any]) -> dict[str, Any]:
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    return {
        "client": scope["client"],
        "server": scope["server"],
        "scheme": scope["scheme"],
        "host": host,
        "prefix": scope["root_path"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode("latin-1"),
    }


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    text = json.dumps(told_by_scope(scope))
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": text})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": text.encode()})


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    told = {
        "client": [environ["REMOTE_ADDR"], int(environ.get("REMOTE_PORT", 0))],
        "server": [environ["SERVER_NAME"], int(environ["SERVER_PORT"])],
        "scheme": environ["wsgi.url_scheme"],
        "host": environ.get("HTTP_HOST", ""),
        "prefix": environ["SCRIPT_NAME"],
        "path": environ["SCRIPT_NAME"] + environ["PATH_INFO"],
    }
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps(told).encode()]


native = App()


@native.get("/told")
def told(request: Request) -> dict[str, Any]:
    url = urlsplit(request.url)
    return {
        "client": request.client,
        "server": request.server,
        "scheme": url.scheme,
        "host": url.netloc,
        "prefix": url.path.removesuffix("/told"),
        "path": url.path,
    }


@native.post("/told")
def told_with_body(request: Request, body: bytes) -> dict[str, Any]:
    return {**told(request), "body": body.decode()}


fastapi = FastAPI()


@fastapi.get("/told")
async def told_by_plan(request: FastAPIRequest) -> dict[str, Any]:
    return told_by_scope(dict(request.scope))
