"""The peer of examples/multi_route_app.py's `/users/{user_id}` on TurboAPI, with TurboAPI's own server.

    turboapi_app.py PORT

Without `from __future__ import annotations`: TurboAPI 0.5 takes an annotation that is a string for `str`, and the
number would come back in quotes.
"""

import sys
from typing import Any

from turboapi import TurboAPI

app = TurboAPI()


@app.get("/users/{user_id}")
def read_user(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]))
