"""The peer of examples/multi_route_app.py's `/users/{user_id}` on socketify, with its own router.

    socketify_app.py PORT WORKERS

A worker is a process of its own on the same port (SO_REUSEPORT), as socketify's own command has it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from socketify import App

# Made once: json.dumps with separators makes an encoder for every call.
encode = json.JSONEncoder(separators=(",", ":")).encode


def read_user(response: Any, request: Any) -> None:
    user_id = int(request.get_parameter(0))
    user = {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}
    response.write_header("content-type", "application/json").end(encode(user))


def main() -> None:
    port, workers = map(int, sys.argv[1:])
    for _ in range(workers - 1):
        if os.fork() == 0:
            break
    app = App()
    app.get("/users/:user_id", read_user)
    app.listen({"host": "127.0.0.1", "port": port}, lambda _config: None)
    app.run()


if __name__ == "__main__":
    main()
