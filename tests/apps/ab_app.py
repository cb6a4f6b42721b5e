"""An app whose answers are right, vary, fail or go wrong after a while, for the tests of `turbo-shard ab`."""

from __future__ import annotations

import itertools
import sys
import time

from turbo_shard import App, HTTPException, Response

app = App()
asked = itertools.count()
# More than the probes of an arm need.
RIGHT_AT_FIRST = 20


@app.get("/same")
def same() -> str:
    return "always the same"


@app.get("/users/{user_id}")
def user(user_id: int) -> dict[str, object]:
    return {"user_id": user_id, "name": f"User {user_id}"}


@app.post("/echo")
def echo(body: bytes) -> bytes:
    return body


@app.get("/counter")
def counter() -> str:
    return str(next(asked))


@app.get("/bytes")
def some_bytes() -> bytes:
    return b"\xff\x00{no}"


@app.get("/place")
def place() -> str:
    return "a {n} of its own"


@app.get("/flips")
def flips() -> str:
    return "right" if next(asked) < RIGHT_AT_FIRST else "wrong"


@app.get("/failing")
def failing() -> None:
    raise HTTPException(503, "out of order")


@app.get("/per-mode")
def per_mode() -> Response:
    """What no app should do: the type of the answer depends on the architecture."""
    return Response("same", media_type="text/plain" if "steal" in sys.argv else "text/html")


@app.get("/fails-in-steal-mode")
def fails_in_steal_mode() -> str:
    if "steal" in sys.argv:
        raise HTTPException(500, "not here")
    return "fine"


@app.get("/slow")
def slow() -> str:
    time.sleep(0.02)
    return "slow"


def make_outside_of_steal_mode() -> App:
    if "steal" in sys.argv:
        raise RuntimeError("not in steal mode")
    return app
