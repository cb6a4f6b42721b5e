"""The peer of examples/multi_route_app.py's `/users/{user_id}` on robyn, with robyn's router and serializer."""

from __future__ import annotations

import argparse
from typing import Any

from robyn import Request, Robyn

app = Robyn(__file__)


# A dict becomes JSON by robyn's own means, which is orjson: the same bytes as ours.
@app.get("/users/:user_id")
async def read_user(request: Request) -> dict[str, Any]:
    user_id = int(request.path_params["user_id"])
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}


def main() -> None:
    # robyn reads its own options from the same command line.
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    app.start(host="127.0.0.1", port=parser.parse_known_args()[0].port)


if __name__ == "__main__":
    main()
