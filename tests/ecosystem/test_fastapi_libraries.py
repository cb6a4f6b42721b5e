"""Libraries that look at routes, requests and scopes of FastAPI: compiled or not, they do and report the same."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from library_server import APPS, COMMAND, ONE_SHARD, serve

from server_process import environment
from waiting import TIMEOUT_S, wait_until

HOWS = ("compiled", "asgi")

type Act = Callable[[httpx.Client, Path], object]


def both(app: str, act: Act, tmp_path: Path, **variables: str) -> object:
    """What `act` has seen of the app, which is the same with and without plans."""
    seen = []
    for how in HOWS:
        folder = tmp_path / how
        folder.mkdir()
        with (
            serve(app, ONE_SHARD, "--fastapi", how, tmp_path=folder, **variables) as server,
            server.client() as client,
        ):
            seen.append(act(client, folder / "events"))
    assert seen[0] == seen[1]
    return seen[0]


def compiled_paths(app: str, tmp_path: Path, **variables: str) -> set[str]:
    """The routes that have a plan, by the command that lists them."""
    files = {"DATABASE": str(tmp_path / "database"), "EVENTS": str(tmp_path / "events")}
    listed = subprocess.run(
        [*COMMAND, "routes", app, "--app-dir", str(APPS), "--json"],
        env=environment(**files, **variables),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    )
    assert listed.returncode == 0, listed.stderr
    return {route["path"] for route in json.loads(listed.stdout)["routes"] if route["is_compiled"]}


def statuses(client: httpx.Client, target: str, times: int, **headers: str) -> list[int]:
    return [client.get(target, headers=headers).status_code for _ in range(times)]


def test_slowapi_limits(tmp_path: Path) -> None:
    def act(client: httpx.Client, events: Path) -> object:
        seen: dict[str, list[int]] = {}
        for target in (
            "/limited/1",
            "/limited-def",
            "/default/1",
            "/exempt",
            "/router/a/limited",
            "/limited/x",
        ):
            for name in ("first", "second"):
                seen[f"{target} {name}"] = statuses(client, target, 4, **{"x-client": name})
        return seen, client.get("/limited/1", headers={"x-client": "first"}).text

    seen, refusal = both("slowapi_app:app", act, tmp_path)  # type: ignore[misc]
    assert seen["/limited/1 first"] == seen["/limited/1 second"] == [200, 200, 429, 429]
    assert seen["/limited-def first"] == [200, 200, 429, 429]
    assert seen["/default/1 first"] == [200, 200, 200, 429]
    assert seen["/exempt first"] == [200] * 4
    assert seen["/router/a/limited second"] == [200, 429, 429, 429]
    assert json.loads(refusal) == {"error": "Rate limit exceeded: 2 per 1 hour"}
    assert {"/limited/{number}", "/default/{number}"} <= compiled_paths("slowapi_app:app", tmp_path)


def test_fastapi_pagination(tmp_path: Path) -> None:
    def act(client: httpx.Client, events: Path) -> object:
        targets = (
            "/items",
            "/items?page=3&size=10",
            "/items-def?page=2&size=7",
            "/items?size=0",
            "/items?page=x",
        )
        more = (
            "/router/offset",
            "/router/offset?limit=5&offset=23",
            "/router/offset?limit=1000",
            "/plain",
        )
        return [(answer.status_code, answer.text) for answer in map(client.get, (*targets, *more))]

    seen: list[tuple[int, str]] = both("pagination_app:app", act, tmp_path)  # type: ignore[assignment]
    assert [status for status, _ in seen] == [200, 200, 200, 422, 422, 200, 200, 422, 200]
    page = json.loads(seen[1][1])
    assert [item["number"] for item in page["items"]] == [20, 21, 22, 23, 24]
    assert (page["total"], page["page"], page["pages"]) == (25, 3, 3)
    assert json.loads(seen[6][1])["items"] == [
        {"number": number, "name": f"item {number}"} for number in (23, 24)
    ]


def test_fastapi_users(tmp_path: Path) -> None:
    person = {"email": "jane@shop.example", "password": "correct horse"}

    def act(client: httpx.Client, events: Path) -> object:
        def login(password: str) -> httpx.Response:
            return client.post(
                "/auth/login", data={"username": person["email"], "password": password}
            )

        seen = [
            client.post("/auth/register", json=body) for body in (person, person, {"email": "no"})
        ]
        seen += [login("wrong"), login(person["password"])]
        bearer = {"Authorization": f"Bearer {seen[-1].json()['access_token']}"}
        for headers in (bearer, {}, {"Authorization": "Bearer x"}):
            seen += [
                client.get(path, headers=headers) for path in ("/hello", "/maybe", "/users/me")
            ]
        seen.append(client.patch("/users/me", json={"password": "other"}, headers=bearer))
        seen += [login(person["password"]), login("other")]
        hidden = re.compile(r'"(id|access_token)":"[^"]*"')
        return [(answer.status_code, hidden.sub("", answer.text)) for answer in seen]

    seen: list[tuple[int, str]] = both("users_app:app", act, tmp_path)  # type: ignore[assignment]
    found = [status for status, _ in seen]
    assert found[:9] == [201, 400, 422, 400, 200, 200, 200, 200, 401]
    assert found[9:] == [200, 401, 401, 200, 401, 200, 400, 200]
    assert seen[5][1] == '"jane@shop.example"'
    assert "/hello" in compiled_paths("users_app:app", tmp_path)


# Libraries that watch: the same routes for all of them.

TARGETS = [
    *("/plain", "/items/5?name=me", "/items/x", "/def/6", "/missing/7", "/failing/8"),
    *("/users/jane/orders/9", "/users/jane/orders/x", "/nowhere", "/plain/"),
]
TEMPLATES = {
    *("/plain", "/items/{item_id}", "/def/{item_id}", "/missing/{item_id}", "/failing/{item_id}"),
    "/users/{user_id}/orders/{order_id}",
}


def events_of(client: httpx.Client, events: Path, count: int) -> list[dict[str, object]]:
    """What the library has reported of one request to each target, in the order of their names."""
    for target in TARGETS:
        client.get(target)

    def lines() -> list[str]:
        return events.read_text().splitlines() if events.exists() else []

    wait_until(lambda: len(lines()) >= count, f"{count} reports")
    return sorted(map(json.loads, lines()), key=str)


@pytest.mark.parametrize("library", ["opentelemetry", "opentelemetry-global"])
def test_spans_carry_the_route(tmp_path: Path, library: str) -> None:
    def act(client: httpx.Client, events: Path) -> object:
        return events_of(client, events, len(TARGETS))

    seen: list[dict[str, object]] = both(
        "watched_routes_app:app", act, tmp_path, WATCHED_BY=library
    )  # type: ignore[assignment]
    assert {span["route"] for span in seen} >= TEMPLATES
    assert {"name": "GET /items/{item_id}", "route": "/items/{item_id}", "status": 422} in seen


def test_sentry_events_carry_the_transaction(tmp_path: Path) -> None:
    def act(client: httpx.Client, events: Path) -> object:
        return events_of(client, events, len(TARGETS))

    seen: list[dict[str, object]] = both(
        "watched_routes_app:app", act, tmp_path, WATCHED_BY="sentry"
    )  # type: ignore[assignment]
    transactions = {event["transaction"] for event in seen if event["kind"] == "transaction"}
    assert transactions >= TEMPLATES
    errors = [event for event in seen if event["kind"] == "error"]
    assert [event["transaction"] for event in errors] == ["/failing/{item_id}"]


def test_metrics_carry_the_route(tmp_path: Path) -> None:
    def act(client: httpx.Client, events: Path) -> object:
        for target in TARGETS:
            client.get(target)
        return sorted(re.findall(r"^http_requests_total\{.*", client.get("/metrics").text, re.M))

    seen: list[str] = both("watched_routes_app:app", act, tmp_path, WATCHED_BY="instrumentator")  # type: ignore[assignment]
    assert {re.findall('handler="([^"]*)"', line)[0] for line in seen} >= TEMPLATES
    assert 'http_requests_total{handler="/items/{item_id}",method="GET",status="4xx"} 1.0' in seen
    assert (
        compiled_paths("watched_routes_app:app", tmp_path, WATCHED_BY="instrumentator") >= TEMPLATES
    )
