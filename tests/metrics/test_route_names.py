"""Routes of ASGI apps by their templates: however the app is called, and wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from arms import Arm
from raw_http import RawClient
from raw_websocket import open_websocket
from scraping import Scraper
from server_process import ServerProcess
from turbo_shard.serving.scope_routes import template_of
from waiting import wait_until

COUNT = "turbo_shard_request_duration_seconds_count"

# What is asked for, and the template that it has.
OF_FASTAPI = {
    "/users/1": "/users/{id}",
    "/users/no-number": "/users/{id}",
    "/threads/1": "/threads/{id}",
    "/later/1": "/later/{id}",
    "/stream/2": "/stream/{pieces}",
    "/v1/a/items/2": "/v1/{tenant}/items/{item}",
    "/plain/3": "/plain/{x}",
    "/sub/in/4": "/sub/in/{x}",
    "/sub/none": "/sub/{path}",
    "/t/ten/api/deep/5": "/t/{tenant}/api/deep/{y}",
    "/openapi.json": "/openapi.json",
    "/nowhere": "(unknown)",
}
OF_STARLETTE = {
    "/s/1": "/s/{x}",
    "/m/q/r/5": "/m/{t}/r/{x}",
    "/api/v1/a/items/2": "/api/v1/{tenant}/items/{item}",
    "/api/later/1": "/api/later/{id}",
    "/api/t/ten/api/deep/5": "/api/t/{tenant}/api/deep/{y}",
    "/nowhere": "(unknown)",
}
# Compiled and called as it is, alone and behind middleware, on the shard and on threads of asyncio.
PLACES = [
    ("shard", "app", ()),
    ("steal", "app", ()),
    ("shard", "behind", ()),
    ("steal", "behind", ()),
    ("steal", "app", ("--fastapi", "asgi")),
    ("process", "starlette", ()),
]


class Place:
    def __init__(self, server: ServerProcess, app: str) -> None:
        self.server = server
        self.scraper = Scraper(server)
        self.is_starlette = app == "starlette"

    def counts(self) -> dict[str, float]:
        """How many answers each route has had."""
        counts: dict[str, float] = {}
        for (name, labels), value in self.scraper.samples().items():
            if name == COUNT:
                route = dict(labels)["route"]
                counts[route] = counts.get(route, 0) + value
        return counts


@pytest.fixture(scope="module", params=PLACES, ids=lambda place: "-".join((*place[:2], *place[2])))
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    mode, app, options = request.param
    arm = Arm(mode, "tokio")
    arguments = (*arm.options, "--shards", "1", "--metrics", "0", *options)
    with ServerProcess(f"route_names_app:{app}", *arguments) as server:
        yield Place(server, app)


def test_each_request_is_of_the_route_that_the_apps_router_has_found(place: Place) -> None:
    routes = OF_STARLETTE if place.is_starlette else OF_FASTAPI
    before = place.counts()
    with RawClient(place.server) as raw:
        for target in routes:
            raw.get(target).answer()
    expected = dict(before)
    for route in routes.values():
        expected[route] = expected.get(route, 0) + 1
    wait_until(lambda: sum(place.counts().values()) == sum(expected.values()), "all of them")
    assert place.counts() == expected


def test_a_websocket_is_of_its_route(place: Place) -> None:
    prefix = "/api" if place.is_starlette else ""
    with open_websocket(place.server, f"{prefix}/chat/a"):
        pass
    key = {"route": f"{prefix}/chat/{{room}}", "class": "1xx"}
    wait_until(lambda: place.scraper.value(COUNT, **key) == 1, "the WebSocket")


@pytest.mark.parametrize(
    ("scope", "template"),
    [
        ({}, ""),
        ({"path_template": "/litestar/{x}"}, "/litestar/{x}"),
        ({"route": object()}, ""),
        ({"route": None, "endpoint": print, "router": object()}, ""),
        # A proxy's prefix is not the app's.
        ({"root_path": "/prefix", "path_template": "/a"}, "/a"),
        ({"root_path": "/p/m", "app_root_path": "/p"}, "/m/{path}"),
        ({"root_path": "/elsewhere", "app_root_path": "/p", "path_template": "/a"}, "/a"),
    ],
)
def test_what_a_scope_does_not_say_is_not_known(scope: dict[str, Any], template: str) -> None:
    assert template_of(scope) == template
