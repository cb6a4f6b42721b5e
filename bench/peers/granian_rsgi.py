"""The peer of examples/multi_route_app.py's `/users/{user_id}` on granian's own interface, RSGI.

It does what the example does: finds the route, converts the path's parameter, makes a dict, and turns it into JSON.
"""

from __future__ import annotations

import json
from typing import Any

PREFIX = "/users/"
JSON_HEADERS = [("content-type", "application/json")]
# Made once: json.dumps with separators makes an encoder for every call.
encode = json.JSONEncoder(separators=(",", ":")).encode


def read_user(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}


async def app(scope: Any, protocol: Any) -> None:
    if scope.method != "GET" or not scope.path.startswith(PREFIX):
        protocol.response_str(404, JSON_HEADERS, '{"detail":"Not Found"}')
        return
    try:
        user_id = int(scope.path[len(PREFIX) :])
    except ValueError:
        protocol.response_str(422, JSON_HEADERS, '{"detail":"user_id is not a whole number"}')
        return
    protocol.response_str(200, JSON_HEADERS, encode(read_user(user_id)))
