#!/usr/bin/env bash
# FastAPI 0.165.0: a return annotation changes what is sent, even one that says nothing. Without it jsonable_encoder makes
# a timedelta a number of seconds and a Decimal a number; with `-> Any` or `-> dict[str, Any]` pydantic makes them an
# ISO 8601 duration and a text. Adding types to a working app changes its API.
#
# Seen: no annotation: {"took":90.0,"price":1.5}
#       Any: {"took":"PT1M30S","price":"1.50"}
#       dict[str, Any]: {"took":"PT1M30S","price":"1.50"}
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    annotated-doc==0.0.7 annotated-types==0.8.0 anyio==4.16.0 fastapi==0.165.0 idna==3.20 opentelemetry-api==1.45.2 \
    pydantic==2.14.3 pydantic_core==2.50.4 starlette==1.10.0 typing-inspection==0.4.5 typing_extensions==4.16.0
found=$("$work/venv/bin/python" - <<'PYTHON'
import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

from fastapi import FastAPI

app = FastAPI()


def order():
    return {"took": timedelta(seconds=90), "price": Decimal("1.50")}


@app.get("/1")
async def without():
    return order()


@app.get("/2")
async def with_any() -> Any:
    return order()


@app.get("/3")
async def with_dict() -> dict[str, Any]:
    return order()


async def body(path):
    parts = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        parts.append(message.get("body", b""))

    asgi = {"version": "3.0", "spec_version": "2.3"}
    scope = {"type": "http", "asgi": asgi, "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": [], "root_path": "", "scheme": "http", "http_version": "1.1"}
    await app(scope, receive, send)
    return b"".join(parts).decode()


for path, name in (("/1", "no annotation"), ("/2", "Any"), ("/3", "dict[str, Any]")):
    print(f"{name}: {asyncio.run(body(path))}")
PYTHON
)
echo "fastapi 0.165.0, pydantic 2.14.3"
echo "$found"
[ "$found" = 'no annotation: {"took":90.0,"price":1.5}
Any: {"took":"PT1M30S","price":"1.50"}
dict[str, Any]: {"took":"PT1M30S","price":"1.50"}' ]
