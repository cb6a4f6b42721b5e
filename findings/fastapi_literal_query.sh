#!/usr/bin/env bash
# FastAPI 0.165.0: `page: Literal[1, 2]` as a query parameter can never be given. FastAPI hands pydantic the text of the
# query, as it does for `page: int`. An int is made from a text, but a Literal is compared: "1" is not 1, so ?page=1 is
# 422, "Input should be 1 or 2".
#
# Seen: int: 200 1
#       Literal[1, 2]: 422 Input should be 1 or 2
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    annotated-doc==0.0.7 annotated-types==0.8.0 anyio==4.16.0 fastapi==0.165.0 idna==3.20 opentelemetry-api==1.45.2 \
    pydantic==2.14.3 pydantic_core==2.50.4 starlette==1.10.0 typing-inspection==0.4.5 typing_extensions==4.16.0
found=$("$work/venv/bin/python" - <<'PYTHON'
import asyncio
import json
from typing import Literal

from fastapi import FastAPI

app = FastAPI()


@app.get("/int")
async def by_int(page: int):
    return page


@app.get("/literal")
async def by_literal(page: Literal[1, 2]):
    return page


async def ask(path):
    messages = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        messages.append(message)

    asgi = {"version": "3.0", "spec_version": "2.3"}
    scope = {"type": "http", "asgi": asgi, "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"page=1", "headers": [], "root_path": "", "scheme": "http", "http_version": "1.1"}
    await app(scope, receive, send)
    body = json.loads(b"".join(message.get("body", b"") for message in messages))
    text = body["detail"][0]["msg"] if isinstance(body, dict) else body
    return f"{messages[0]['status']} {text}"


for path, name in (("/int", "int"), ("/literal", "Literal[1, 2]")):
    print(f"{name}: {asyncio.run(ask(path))}")
PYTHON
)
echo "fastapi 0.165.0, pydantic 2.14.3"
echo "$found"
[ "$found" = "int: 200 1
Literal[1, 2]: 422 Input should be 1 or 2" ]
