"""asgi_app.py's `/users/{user_id}` as a WSGI app without a framework."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

PREFIX = "/users/"
# Made once: json.dumps with separators makes an encoder for every call.
encode = json.JSONEncoder(separators=(",", ":")).encode


def user_record(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    status, body = "404 Not Found", b'{"detail":"Not Found"}'
    path = environ["PATH_INFO"]
    if environ["REQUEST_METHOD"] == "GET" and path.startswith(PREFIX):
        try:
            user_id = int(path[len(PREFIX) :])
        except ValueError:
            status, body = "422 Unprocessable Content", b'{"detail":"not a whole number"}'
        else:
            status, body = "200 OK", encode(user_record(user_id)).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]
