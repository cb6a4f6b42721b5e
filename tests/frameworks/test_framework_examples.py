"""The examples of other frameworks are served and answer, on every arm."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from arms import Arm
from framework_server import Interface, Marks, framework_server, websocket
from places import EXAMPLES
from server_process import ServerProcess
from waiting import TIMEOUT_S


def example(
    app: str, arm: Arm, marks: Marks, interface: Interface, **variables: str
) -> ServerProcess:
    return framework_server(app, arm.options, marks, interface, app_dir=EXAMPLES, **variables)


def test_fastapi(arm: Arm, marks: Marks, tmp_path: Path) -> None:
    database = str(tmp_path / "todo.sqlite3")
    with (
        example("fastapi_app:app", arm, marks, "asgi", TODO_DATABASE=database) as server,
        server.client() as client,
    ):
        added = client.post("/tasks", json={"title": "water the plants"})
        stored = {"id": 1, "title": "water the plants", "done": False}
        assert (added.status_code, added.json()) == (201, stored)
        # A connection of its own may come to the other shard.
        assert server.get("/tasks/1").json() == stored
        assert client.get("/tasks/2").status_code == 404
        assert client.post("/tasks", json={"title": ""}).status_code == 422
        assert client.get("/countdown?start=1").text == "data: 1\n\ndata: 0\n\n"
        with websocket(server, "/ws/shout") as socket:
            socket.send("hello")
            assert socket.recv(TIMEOUT_S) == "HELLO"


def test_starlette(arm: Arm, marks: Marks) -> None:
    with example("starlette_app:app", arm, marks, "asgi") as server, server.client() as client:
        assert client.post("/words", content=b"the cat and the dog").json() == {"words": 2}
        assert client.post("/words", content=b"word " * 300_000).json() == {"words": 300_000}
        with websocket(server, "/ws/words") as socket:
            socket.send("three short words")
            assert json.loads(socket.recv(TIMEOUT_S)) == {"words": 3}


@pytest.mark.parametrize(
    ("app", "interface"), [("application", "asgi"), ("wsgi_application", "wsgi")]
)
def test_django(arm: Arm, marks: Marks, app: str, interface: Interface) -> None:
    with example(f"django_app:{app}", arm, marks, interface) as server, server.client() as client:
        page = client.get("/").text
        assert "<p>Hello stranger</p>" in page
        token = re.search(r'value="(\w+)"', page)
        assert token is not None
        form = {"name": "<Ada>", "csrfmiddlewaretoken": token[1]}
        assert client.post("/", data=form).status_code == 302
        assert "<p>Hello &lt;Ada&gt;</p>" in client.get("/").text
        assert client.post("/", data={"name": "Eve"}).status_code == 403
        assert client.get("/slow").json() == {"waited": True}
        assert client.get("/lines").text == "line 0\nline 1\nline 2\n"


def test_litestar(arm: Arm, marks: Marks) -> None:
    with example("litestar_app:app", arm, marks, "asgi") as server, server.client() as client:
        assert client.get("/books/1").json() == {"title": "Dune", "pages": 412}
        assert client.get("/books/9").status_code == 404
        long = client.post("/books/check", json={"title": "a", "pages": 500})
        assert long.json() == {"is_long": True}
        assert client.post("/books/check", json={"title": "a", "pages": 0}).status_code == 400
        assert client.get("/books/titles").text == "Dune\nEmma\n"
        with websocket(server, "/ws/reverse") as socket:
            socket.send("abc")
            assert socket.recv(TIMEOUT_S) == "cba"


def test_flask(arm: Arm, marks: Marks) -> None:
    with example("flask_app:app", arm, marks, "wsgi") as server, server.client() as client:
        assert client.post("/", data={"name": "Ada"}).status_code == 302
        assert client.get("/").json() == {"guests": ["Ada"]}
        assert client.post("/", data={}).status_code == 400
        assert client.post("/upload", files={"a": b"x" * 70_000}).json() == {"a": 70_000}
        assert client.get("/lines").text == "line 0\nline 1\nline 2\n"
