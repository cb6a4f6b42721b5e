"""A native app with an answer of each kind, for tests of the lines that the server puts on all of them."""

from __future__ import annotations

from collections.abc import Iterator

from turbo_shard import App, Response, StreamingResponse, WebSocket

app = App()


@app.get("/whole")
def whole() -> str:
    return "whole"


@app.get("/deferred")
async def deferred() -> str:
    return "deferred"


@app.get("/streamed")
def streamed() -> StreamingResponse:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    return StreamingResponse(pieces())


@app.get("/unchanged")
def unchanged() -> Response:
    return Response(status_code=304)


@app.get("/failing")
def failing() -> str:
    raise RuntimeError("raised on purpose")


@app.get("/own")
def own() -> Response:
    return Response("own", headers={"Server": "the app", "X-Served-By": "the app"})


@app.get("/dated")
def dated() -> Response:
    return Response("dated", headers={"Date": "Sun, 06 Nov 1994 08:49:37 GMT"})


@app.post("/echo")
def echo(body: bytes) -> Response:
    return Response(body)


@app.websocket("/talk")
async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()
