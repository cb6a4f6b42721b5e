"""Which plan serves which request: the table against Starlette's own routing, and the front before an app."""

from __future__ import annotations

import ast
import gc
import random
import re
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Match, Mount, Route, Router

from arms import Arm
from asgi_journal import ask
from raw_http import RawClient
from raw_websocket import RawWebSocket
from server_process import ServerProcess, StartServer
from turbo_shard._native import CompiledFront
from waiting import wait_until

ROUNDS = 150
PATHS = 60
ANY = ("any",)


async def nowhere(scope: Any, receive: Any, send: Any) -> None:
    """An app that is never called."""


def front_of(entries: Any, *, not_found: Any = None, redirects: bool = True) -> CompiledFront:
    front = CompiledFront(lambda: True, "")
    front.replace([(*entry, template_of(entry[0])) for entry in entries], not_found, redirects)
    return front


# The table, without a server.


def template_of(segments: tuple[Any, ...]) -> str:
    parts = [
        segment if isinstance(segment, str) else f"{{p{at}:{segment[0]}}}"
        for at, segment in enumerate(segments)
    ]
    return "/" + "/".join(parts)


def random_segments(chance: random.Random) -> tuple[Any, ...]:
    kinds = ["", "a", "b", "7", "ä", ("str",), ("int",), ("float",), ("uuid",)]
    segments = [chance.choice(kinds) for _ in range(chance.randrange(1, 4))]
    if chance.random() < 0.15:
        segments[-1] = ("path",)
    return tuple(segments)


def random_path(chance: random.Random) -> str:
    pieces = ["", "a", "b", "7", "7.5", "ä", "x y", ".", "1.", "0" * 32, "9" * 700]
    path = "/" + "/".join(chance.choice(pieces) for _ in range(chance.randrange(1, 5)))
    odd = chance.random()
    if odd < 0.03:
        return path + "\n"
    return path[1:] if odd < 0.06 else path


def expected_of(router: Router, scope: dict[str, Any]) -> tuple[int | None, str, dict[str, Any]]:
    """What Starlette's router does: the number of its first full match, or in a word why there is none."""
    word = "nothing"
    for number, route in enumerate(router.routes):
        match, child = route.matches(scope)
        if match is Match.FULL:
            return number, "full", child["path_params"]
        if match is Match.PARTIAL:
            word = "partial"
    return None, word, {}


@pytest.mark.parametrize("root_path", ["", "/api", "/a"])
def test_table_finds_what_starlettes_router_does(root_path: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        shapes = [random_segments(chance) for _ in range(chance.randrange(1, 9))]
        methods = [chance.choice([None, {"POST"}, {"POST", "PUT"}]) for _ in shapes]
        routes = [
            # A class is an ASGI app to Starlette, which adds no HEAD to its methods.
            Route(template_of(shape), nowhere_class(), methods=own)
            for shape, own in zip(shapes, methods, strict=True)
        ]
        router = Router(routes)
        front = front_of(
            [
                (shape, own, number)
                for number, (shape, own) in enumerate(zip(shapes, methods, strict=True))
            ],
            not_found="not found",
        )
        for _ in range(PATHS):
            path = chance.choice(["", root_path]) + random_path(chance)
            method = chance.choice(["GET", "POST", "PUT"])
            scope = {"type": "http", "path": path, "method": method, "root_path": root_path}
            check(router, front.find(method, path, root_path), scope)


def nowhere_class() -> Any:
    class Nowhere:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            """Never called."""

    return Nowhere()


def check(router: Router, found: Any, scope: dict[str, Any]) -> None:
    path: str = scope["path"]
    numbers = re.findall(r"\d{641,}", path)
    if "\n" in path or numbers:
        # It is FastAPI's, or surely right.
        if found is None:
            return
    number, word, params = expected_of(router, scope)
    if number is not None:
        assert found is not None, (scope, number)
        assert found[0] == number, (scope, [route.path for route in router.routes])
        convertors = router.routes[number].param_convertors
        texts = dict(zip(convertors, found[1], strict=True))
        assert {key: convertors[key].convert(text) for key, text in texts.items()} == params
    elif word == "partial" or redirects(router, scope):
        assert found is None, scope
    else:
        assert found == ("not found", ()), scope


def redirects(router: Router, scope: dict[str, Any]) -> bool:
    from starlette._utils import get_route_path

    route_path = get_route_path(scope)
    if route_path == "/":
        return False
    path = scope["path"].rstrip("/") if route_path.endswith("/") else scope["path"] + "/"
    return any(route.matches(scope | {"path": path})[0] != Match.NONE for route in router.routes)


def test_what_may_match_is_the_apps() -> None:
    front = front_of(
        [
            (("static", ANY), None, None),
            (("static", "inside"), None, "never"),
            (("a",), {"GET"}, "first"),
            ((ANY,), None, None),
            (("b",), None, "behind"),
        ],
        not_found="not found",
    )
    assert front.find("GET", "/a") == ("first", ())
    for method, path in [
        ("GET", "/static"),
        ("GET", "/static/"),
        ("GET", "/static/inside"),
        ("POST", "/a"),
        ("GET", "/b"),
        ("GET", "*"),
        ("GET", ""),
    ]:
        assert front.find(method, path) is None, path


def test_mounts_of_starlette_lie_below_their_segments() -> None:
    front = front_of([(("m", ANY), None, None)], not_found="not found")
    mount = Mount("/m", app=nowhere)
    for path in ("/m", "/m/", "/m/x", "/mx", "/x/m", "/"):
        scope = {"type": "http", "path": path, "method": "GET", "root_path": ""}
        if mount.matches(scope)[0] != Match.NONE:
            assert front.find("GET", path) is None


def test_slashes_lead_elsewhere_only_where_a_route_is() -> None:
    entries = [(("a",), {"PUT"}, "a"), (("b", ""), {"GET"}, "b"), (("", ""), None, "two")]
    front = front_of(entries, not_found="not found")
    for path in ("/a/", "/a//", "/b", "//b"[1:]):
        assert front.find("GET", path) is None, path
    assert front.find("GET", "/c") == ("not found", ())
    assert front.find("GET", "/c/") == ("not found", ())
    assert front.find("GET", "//") == ("two", ())
    stays = front_of(entries, not_found="not found", redirects=False)
    assert stays.find("GET", "/a/") == ("not found", ())


def test_nothing_is_found_in_an_empty_table() -> None:
    front = CompiledFront(lambda: True, "")
    assert front.find("GET", "/") is None
    assert front_of([]).find("GET", "/") is None
    assert front_of([], not_found=1).find("GET", "/") == (1, ())


@pytest.mark.parametrize(
    "entry",
    [
        ((("what",),), None, None, "/a"),
        ((("path",), "a"), None, None, "/a"),
        ((ANY, "a"), None, None, "/a"),
        (("a/b",), None, None, "/a"),
        (("a",) * 100, None, None, "/a"),
        ((7,), None, None, "/a"),
        (("a",), "GET", None, "/a"),
        (("a",), {7}, None, "/a"),
        (("a",), None, None),
        (("a",), None, None, 7),
        ("a", None),
        7,
    ],
)
def test_wrong_entry_is_refused_and_the_table_stays(entry: Any) -> None:
    front = front_of([(("a",), None, "a")])
    with pytest.raises((TypeError, ValueError)):
        front.replace([(("b",), None, "b", "/b"), entry], None, True)
    assert front.find("GET", "/a") == ("a", ())


def test_front_that_its_plans_lead_to_is_collected() -> None:
    class Holder:
        front: Any

    def made() -> weakref.ref[Holder]:
        holder = Holder()
        holder.front = CompiledFront(lambda: holder is not None, "")
        holder.front.replace([(("a",), None, holder, "/a")], holder, True)
        return weakref.ref(holder)

    seen = made()
    gc.collect()
    assert seen() is None


# The front before an app.


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    options = (*arm.options, "--shards", "1", "--interface", "asgi")
    with ServerProcess("plans_app:app", *options) as server:
        yield server


def switch(raw: RawClient, to: str) -> None:
    assert raw.get(f"/do/switch?to={to}").answer().status == 200


def literal(body: bytes) -> Any:
    return ast.literal_eval(body.decode("latin-1"))


def test_app_serves_what_no_plan_does(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        for method, target in [
            ("GET", "/mounted/inside"),
            ("GET", "/mounted"),
            ("DELETE", "/do/fixed"),
            ("GET", "/dir"),
            ("GET", "/do/fixed/"),
            ("GET", "/do/fixed%0A"),
        ]:
            raw.request(method, target)
            scope = literal(raw.answer().body)
            assert (scope["method"], scope["type"]) == (method, "http")
        answer = raw.get("/no/such").answer()
        assert (answer.status, answer.body) == (404, b'"no route"')
        raw.request("OPTIONS", "*")
        assert raw.answer().body == b'"no route"'


def test_plans_serve_while_they_are_current(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        assert raw.get("/do/fixed").answer().body == b"{}"
        switch(raw, "off")
        assert literal(raw.get("/do/fixed").answer().body)["path"] == "/do/fixed"
        assert literal(raw.get("/no/such").answer().body)["path"] == "/no/such"
        switch(raw, "on")
        assert raw.get("/do/fixed").answer().body == b"{}"


def test_app_serves_where_nobody_knows_whether_plans_are_current(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        switch(raw, "raises")
        assert literal(raw.get("/do/fixed").answer().body)["path"] == "/do/fixed"
        switch(raw, "on")
    wait_until(lambda: "is it current?" in server.log, "the error in the log")
    assert server.log.count("LookupError: is it current?") == 1
    assert "GET /do/fixed" in server.log


def test_plans_that_are_replaced_on_the_way_are_the_new_ones(
    start_server: StartServer, arm: Arm
) -> None:
    server = start_server("plans_app:app", *arm.options, "--shards", "1", "--interface", "asgi")
    with RawClient(server) as raw:
        assert raw.get("/do/fixed").answer().body == b"{}"
        switch(raw, "replaces")
        assert raw.get("/do/fixed").answer().body == b'"later"'


def test_websockets_are_the_apps(server: ServerProcess) -> None:
    with RawWebSocket(server) as socket:
        assert socket.open("/do/fixed").close_code() == 1000


def test_front_is_asked_for_once_an_instance(server: ServerProcess, arm: Arm) -> None:
    adopted, thread = ask(server, "/do/adopted")
    assert adopted == [("", "compiled")]
    assert thread == arm.loop_thread


@pytest.mark.parametrize(
    ("plans", "options", "words"),
    [
        ("none", (), ""),
        ("broken", (), "LookupError: no plans today"),
        ("wrong", (), "TypeError: 'int' object is not an instance of 'CompiledFront'"),
        ("", ("--fastapi", "asgi"), ""),
    ],
)
def test_app_without_a_front_is_served_as_it_is(
    start_server: StartServer, plans: str, options: tuple[str, ...], words: str
) -> None:
    server = start_server(
        "plans_app:app",
        "--shards",
        "1",
        "--interface",
        "asgi",
        *options,
        variables={"PLANS": plans},
    )
    with RawClient(server) as raw:
        assert literal(raw.get("/do/fixed").answer().body)["path"] == "/do/fixed"
        adopted, _ = literal(raw.get("/do/adopted").answer().body)
        assert adopted == ([] if "asgi" in options else [("", "compiled")])
    assert words in server.log
    assert ("could not be compiled" in server.log) == bool(words)


def test_verify_is_passed_on(start_server: StartServer) -> None:
    options = ("--shards", "1", "--interface", "asgi", "--fastapi", "verify", "--root-path", "/r")
    server = start_server("plans_app:app", *options)
    adopted, _ = ask(server, "/do/adopted")
    assert adopted == [("/r", "verify")]


def test_each_shard_asks_for_its_own(start_server: StartServer) -> None:
    server = start_server("plans_app:app", "--shards", "2", "--interface", "asgi")
    for _ in range(8):
        adopted, _ = ask(server, "/do/adopted")
        assert adopted == [("", "compiled")]


def test_apps_without_fastapi_import_nothing_of_it(start_server: StartServer) -> None:
    server = start_server("asgi_modules_app:app", "--shards", "1")
    assert ask(server, "/") == []
