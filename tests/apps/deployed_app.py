"""An ASGI app that tells what reaches it through a proxy, with streams that wait for their test's marks (marks.py)."""

import json
import os

import marks

# What a proxy would have to hold back: far above its buffers.
LARGE_PIECE = bytes(range(256)) * 256
LARGE_PIECES = 128


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await echo_messages(receive, send)
    elif scope["type"] == "http":
        await PATHS[scope["path"]](scope, receive, send)


async def head(send, content_type, status=200):
    headers = [(b"content-type", content_type)]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def tell(scope, receive, send):
    """What the server says of the request, as JSON."""
    names = ("client", "server", "scheme", "method", "path", "root_path", "extensions")
    told = {name: scope.get(name) for name in names}
    told["headers"] = [(key.decode(), value.decode()) for key, value in scope["headers"]]
    told["pid"] = os.getpid()
    await head(send, b"application/json")
    body = json.dumps(told, default=repr).encode()
    await send({"type": "http.response.body", "body": body})


async def events(scope, receive, send):
    """Two server-sent events; the second one waits until the test has the first."""
    await head(send, b"text/event-stream")
    await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
    await marks.seen("first event came")
    await send({"type": "http.response.body", "body": b"data: 2\n\n"})


async def upload(scope, receive, send):
    """Counts a body, and leaves a mark as soon as its first part is there."""
    count = 0
    while True:
        message = await receive()
        count += len(message["body"])
        if count:
            marks.leave("first part came")
        if not message.get("more_body"):
            break
    await head(send, b"text/plain")
    await send({"type": "http.response.body", "body": str(count).encode()})


async def large(scope, receive, send):
    await head(send, b"application/octet-stream")
    for _ in range(LARGE_PIECES):
        await send({"type": "http.response.body", "body": LARGE_PIECE, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def held(scope, receive, send):
    """Is answered when the test says so."""
    marks.leave("request came")
    await marks.seen("answer it")
    await tell(scope, receive, send)


async def until_left(scope, receive, send):
    """Never answers; leaves a mark when it hears that the client is gone."""
    marks.leave("request came")
    while (await receive())["type"] != "http.disconnect":
        pass
    marks.leave("client left")


async def echo_messages(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


PATHS = {
    "/tell": tell,
    "/events": events,
    "/upload": upload,
    "/large": large,
    "/held": held,
    "/until-left": until_left,
}
