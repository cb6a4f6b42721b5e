"""One app instance per shard, over the real server: each shard has its own user modules and shares all others."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from arms import ARMS, Arm, engine_faults
from raw_http import RawClient
from refused_apps import write
from server_process import ServerProcess
from waiting import wait_until

SHARDS = 2
PER_SHARD = ("--shards", str(SHARDS), "--app-per-shard", "always")
CONNECTIONS = 16
ROUNDS_MAX = 50

APP = """\
import asyncio
import json
import pickle
import sys
import threading
import typing
from dataclasses import dataclass
from importlib import import_module

import httpx
from turbo_shard import App

import shop.pool
from shop import models

app = App()
lock = asyncio.Lock()
cache = {}


@dataclass
class Order:
    item: "models.Item"
    before: "Order | None" = None


def thread():
    return threading.get_ident()


@app.get("/loop")
async def loop():
    # The first waiter binds the lock and the queue to its loop; a second loop would raise.
    async def hold():
        async with lock:
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(hold())
        group.create_task(hold())
        taken = group.create_task(shop.pool.connections.get())
        await asyncio.sleep(0)
        await shop.pool.connections.put("connection")
    cache["requests"] = cache.get("requests", 0) + 1
    return {"thread": thread(), "taken": taken.result(), "requests": cache["requests"]}


@app.get("/modules")
async def modules():
    import shop.lazy
    from shop import lazy
    from shop.lazy import neighbour
    from shop.deep import leaf

    own = sys.modules[__name__]
    copy = pickle.loads(pickle.dumps(Order(models.Item("tea"))))
    pooled = await asyncio.to_thread(look_again)
    facts = {
        "import": shop.lazy is lazy is import_module("shop.lazy") is sys.modules["shop.lazy"],
        "relative": neighbour() is models and leaf.models() is models,
        "relative import_module": import_module(".lazy", "shop") is lazy,
        "own entry": own.app is app and own.__dict__ is globals(),
        "pickle": type(copy) is Order and type(copy.item) is models.Item,
        "pickle of python": type(pickle._loads(pickle._dumps(copy))) is Order,
        "hints": typing.get_type_hints(Order) == {"item": models.Item, "before": Order | None},
        "thread": pooled is lazy,
        "names": (__name__, lazy.__name__, Order.__module__, lazy.__spec__.name)
        == ("app", "shop.lazy", "app", "shop.lazy"),
        "types of names": {type(__name__), type(lazy.__name__), type(lazy.__spec__.name)} == {str},
        "loader": type(lazy.__loader__).__module__.startswith("_frozen_importlib"),
        "namespace": type(sys.modules["shop.deep"].__path__).__name__ == "_NamespacePath",
        "file": lazy.__file__ == lazy.__spec__.origin,
    }
    return {
        "thread": thread(),
        "wrong": [fact for fact, holds in facts.items() if not holds],
        "own": {name: id(module) for name, module in {"app": own, "models": models, "lazy": lazy}.items()},
        "shared": {"httpx": id(httpx), "asyncio": id(asyncio), "App": id(App)},
    }


def look_again():
    from shop import lazy

    return lazy


@app.get("/fails")
def fails():
    from shop import broken


async def asgi(scope, receive, send):
    # The same by ASGI.
    if scope["type"] != "http":
        raise RuntimeError(f"no {scope['type']} here")
    if scope["path"] == "/fails":
        fails()
    body = json.dumps(await {"/loop": loop, "/modules": modules}[scope["path"]]()).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("per_shard")
    write(folder, "app.py", APP)
    write(folder, "shop/__init__.py", "from . import models\n")
    write(folder, "shop/pool.py", "import asyncio\nconnections = asyncio.Queue()\n")
    write(
        folder,
        "shop/models.py",
        "from dataclasses import dataclass\n@dataclass\nclass Item:\n    name: str\n",
    )
    write(
        folder,
        "shop/lazy.py",
        """\
        def neighbour():
            from . import models
            return models
        """,
    )
    write(
        folder,
        "shop/deep/leaf.py",
        """\
        def models():
            from ..models import __name__ as name
            import sys
            return sys.modules[name]
        """,
    )
    write(folder, "shop/broken.py", "raise ValueError('broken')\n")
    return folder


class Served(NamedTuple):
    """How the app is served; ASGI has an instance per shard by default."""

    app: str
    arm: Arm
    options: tuple[str, ...]


SERVED = [
    # A worker process has one instance, and modules of its own, whatever its options.
    *(Served("asgi", arm, ("--shards", str(SHARDS))) for arm in ARMS if arm.mode != "process"),
    *(Served("app", arm, PER_SHARD) for arm in ARMS if arm.mode == "shard"),
]


@pytest.fixture(
    scope="module", params=SERVED, ids=lambda served: "-".join((served.app, *served.arm))
)
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[ServerProcess]:
    app, arm, options = request.param
    if fault := engine_faults().get(arm.engine):
        pytest.skip(f"{arm.engine} does not work here: {fault}")
    with ServerProcess(f"app:{app}", *arm.options, *options, app_dir=folder) as server:
        yield server


def of_each_shard(server: ServerProcess, path: str) -> list[dict[str, Any]]:
    """An answer of each shard. The kernel chooses the shard of a connection, and load the thread of a coroutine: so
    several connections ask at once."""
    answers: dict[int, dict[str, Any]] = {}
    for _ in range(ROUNDS_MAX):
        clients = [RawClient(server) for _ in range(CONNECTIONS)]
        for client in clients:
            client.get(path)
        for client in clients:
            answer = client.answer()
            client.socket.close()
            assert answer.status == 200, server.log
            facts = json.loads(answer.body)
            answers.setdefault(facts["thread"], facts)
        if len(answers) == SHARDS:
            return list(answers.values())
    raise AssertionError(f"{len(answers)} of {SHARDS} shards answered in {ROUNDS_MAX} rounds")


def test_lock_pool_and_cache_belong_to_one_loop(server: ServerProcess) -> None:
    for _ in range(2):
        assert [answer["taken"] for answer in of_each_shard(server, "/loop")] == [
            "connection"
        ] * SHARDS
    with server.client() as client:
        first, second = client.get("/loop").json(), client.get("/loop").json()
    if first["thread"] == second["thread"]:
        assert second["requests"] == first["requests"] + 1
    else:
        assert "--mode steal" in " ".join(server.arguments), "a connection lives on one shard"


@pytest.mark.parametrize("app", ["app:app", "app:asgi"])
def test_one_instance_for_two_loops_would_break(folder: Path, app: str) -> None:
    options = ("--shards", str(SHARDS), "--app-per-shard", "never")
    with ServerProcess(app, *options, app_dir=folder) as server:

        def failed() -> bool:
            with server.client() as client:
                return client.get("/loop").status_code == 500

        wait_until(failed, "the second loop to meet the first one's lock")
    assert "is bound to a different event loop" in server.log


def test_every_lookup_finds_the_shards_own_module(server: ServerProcess) -> None:
    answers = of_each_shard(server, "/modules")
    assert [answer["wrong"] for answer in answers] == [[], []]
    for name in ("app", "models", "lazy"):
        assert len({answer["own"][name] for answer in answers}) == SHARDS


def test_third_party_modules_stay_shared(server: ServerProcess) -> None:
    first, second = of_each_shard(server, "/modules")
    assert first["shared"] == second["shared"]


def test_module_that_fails_late_is_the_handlers_error_each_time(server: ServerProcess) -> None:
    with server.client() as client:
        assert [client.get("/fails").status_code for _ in range(2)] == [500, 500]

    def is_logged() -> bool:
        return server.log.count("ValueError: broken") >= 2

    wait_until(is_logged, "both failures in the log")
    assert re.search(r'File "\S+/shop/broken\.py", line 1, in <module>', server.log)


def test_banner_says_who_has_an_instance(server: ServerProcess) -> None:
    assert re.search(
        r"^  app +app:(asgi \(ASGI\)|app \(native\)), one instance per (shard|thread)$",
        server.log,
        re.MULTILINE,
    )


# Factories.


def test_factory_is_called_once_per_shard_in_modules_of_its_own(tmp_path: Path) -> None:
    write(
        tmp_path,
        "app.py",
        """\
        import threading
        from turbo_shard import App

        made = []

        def create_app():
            app = App()
            number = len(made)
            made.append(app)

            @app.get("/")
            def index():
                return {"thread": threading.get_ident(), "number": number, "made": len(made)}

            return app
        """,
    )
    with ServerProcess("app:create_app", "--factory", *PER_SHARD, app_dir=tmp_path) as server:
        answers = of_each_shard(server, "/")
    # The factory's module is the shard's own too, as it is a process's own elsewhere.
    assert [answer["number"] for answer in answers] == [0, 0]
    assert {answer["made"] for answer in answers} == {1}


def test_serve_takes_a_factory(tmp_path: Path) -> None:
    write(
        tmp_path,
        "script.py",
        """\
        import sys
        from turbo_shard import App, serve

        def create_app():
            print("made", file=sys.stderr)
            app = App()
            app.get("/")(lambda: "served")
            return app

        serve(create_app, factory=True, port=0, shards=2, app_per_shard="always")
        """,
    )
    server = ServerProcess("", command=(sys.executable, str(tmp_path / "script.py")))
    with server:
        assert httpx.get(server.url, trust_env=False).text == "served"
    assert server.lines.count("made") == 2
