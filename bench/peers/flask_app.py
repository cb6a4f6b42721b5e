"""The peer of examples/multi_route_app.py's `/users/{user_id}` on Flask, as its documentation writes it.

Flask's own JSON provider sorts the keys and ends with a line feed; flask_body.txt is what it answers.
"""

from __future__ import annotations

from typing import Any

from flask import Flask

app = Flask(__name__)


@app.get("/users/<int:user_id>")
def read_user(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}
