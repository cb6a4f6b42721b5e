"""Routes that match the same paths, registered from the general to the specific: `app` is native, `turbo_app` in the
shape of TurboAPI 1.x.
"""

from __future__ import annotations

from typing import Any

import turboapi_standin as ta

from turbo_shard import App, WebSocket

app = App()
turbo_app = ta.TurboAPI("routes")
# Requests that none of the routes below would answer as TurboAPI's own pages.
turbo_app.docs_url = turbo_app.redoc_url = turbo_app.openapi_url = None


def both(method: str, path: str) -> Any:
    """Registers a handler with both apps."""

    def register(handler: Any) -> Any:
        getattr(turbo_app, method)(path)(handler)
        return getattr(app, method)(path)(handler)

    return register


@both("get", "/{path:path}")
def rest(path: str) -> Any:
    return ["rest", path]


@both("get", "/{page}")
def page(page: str) -> Any:
    return ["page", page]


@both("get", "/{page}/edit")
def edit(page: str) -> Any:
    return ["edit", page]


@both("get", "/docs/{name}")
def docs(name: str) -> Any:
    return ["docs", name]


@both("get", "/about")
def about() -> Any:
    return ["about"]


@both("put", "/{page}/edit")
def save(page: str) -> Any:
    return ["save", page]


@app.head("/about")
def about_head() -> Any:
    return None


@both("post", "/api/{name}")
def create(name: str) -> Any:
    return ["create", name]


async def tell(socket: Any, *parts: str) -> None:
    await socket.accept()
    await socket.send_text(" ".join(parts))


@app.websocket("/{path:path}")
async def rest_socket(socket: WebSocket, path: str) -> None:
    await tell(socket, "rest", path)


@app.websocket("/{page}")
async def page_socket(socket: WebSocket, page: str) -> None:
    await tell(socket, "page", page)


@app.websocket("/{page}/edit")
async def edit_socket(socket: WebSocket, page: str) -> None:
    await tell(socket, "edit", page)


@app.websocket("/about")
async def about_socket(socket: WebSocket) -> None:
    await tell(socket, "about")


@turbo_app.websocket("/{path:path}")
async def rest_turbo(websocket: ta.WebSocket, path: str) -> None:
    await tell(websocket, "rest", path)


@turbo_app.websocket("/{page}")
async def page_turbo(websocket: ta.WebSocket, page: str) -> None:
    await tell(websocket, "page", page)


@turbo_app.websocket("/{page}/edit")
async def edit_turbo(websocket: ta.WebSocket, page: str) -> None:
    await tell(websocket, "edit", page)


@turbo_app.websocket("/about")
async def about_turbo(websocket: ta.WebSocket) -> None:
    await tell(websocket, "about")
