#!/usr/bin/env bash
# fastpysgi 0.6 hands an ASGI app the request's body as a memoryview, where ASGI says a byte string. An app that answers
# with it, as an echo does, sends three bytes 0xff with status 200, whatever the body was; after bytes(body) all is right.
#
# Seen: the body is a memoryview
#       body echoed as it came: 200 b'\xff\xff\xff'
#       bytes(body) echoed: 200 b'hello'
set -euo pipefail

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check fastpysgi==0.6
cat >"$work/app.py" <<'PYTHON'
import sys

import fastpysgi


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = (await receive())["body"]
    answers = {"/kind": type(body).__name__.encode(), "/as-it-came": body, "/bytes": bytes(body)}
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answers[scope["path"]]})


fastpysgi.run(app, "127.0.0.1", int(sys.argv[1]))
PYTHON
port=$(python3 -c 'import socket; one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
"$work/venv/bin/python" "$work/app.py" "$port" >"$work/log" 2>&1 &
server=$!
found=$(python3 - "$port" <<'PYTHON'
import http.client
import sys
import time


def post(path):
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
            connection.request("POST", path, b"hello")
            answer = connection.getresponse()
            return answer.status, answer.read()
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SystemExit("it does not listen")


print(f"the body is a {post('/kind')[1].decode()}")
for path, name in (("/as-it-came", "body echoed as it came"), ("/bytes", "bytes(body) echoed")):
    print(f"{name}: {post(path)[0]} {post(path)[1]}")
PYTHON
)
echo "fastpysgi 0.6"
echo "$found"
[ "$found" = "the body is a memoryview
body echoed as it came: 200 b'\\xff\\xff\\xff'
bytes(body) echoed: 200 b'hello'" ]
