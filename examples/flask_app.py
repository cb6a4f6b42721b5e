"""A Flask app: a guest book in a session. Serve it with

    turbo-shard flask_app:app --app-dir examples

WSGI apps run on the shards' blocking pools: a view may wait for a database without holding its shard up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from flask import Flask, Response, abort, jsonify, redirect, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY", "only for this example")


@app.get("/")
def guests() -> Response:
    return jsonify(guests=session.get("guests", []))


@app.post("/")
def sign() -> AnyResponse:
    if not request.form.get("name"):
        abort(400, "a guest has a name")
    session["guests"] = [*session.get("guests", []), request.form["name"]]
    return redirect(url_for("guests"))


@app.post("/upload")
def upload() -> dict[str, int]:
    return {name: len(file.read()) for name, file in request.files.items()}


# Each line leaves as soon as it has been yielded.
@app.get("/lines")
def lines() -> Response:
    def produce() -> Iterator[str]:
        for number in range(3):
            yield f"line {number}\n"

    return Response(produce(), mimetype="text/plain")
