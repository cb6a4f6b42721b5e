"""FastAPI over real sockets on every arm: parameters, bodies, dependencies, middleware, tasks, threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from arms import Arm
from framework_server import Marks, framework_server
from places import APPS
from raw_http import RawClient
from server_process import ServerProcess
from waiting import wait_until

APP = "fastapi_app:app"


@pytest.fixture(scope="module")
def server(arm: Arm, marks: Marks) -> Iterator[ServerProcess]:
    with framework_server(APP, arm.options, marks, "asgi") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def test_parameters_come_from_path_query_header_and_cookie(client: httpx.Client) -> None:
    answer = client.get(
        "/items/5?q=caf%C3%A9&limit=3&tag=a&tag=b",
        headers={"X-Token": "t", "Cookie": "session=s; other=o"},
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "item_id": 5,
        "q": "café",
        "limit": 3,
        "tag": ["a", "b"],
        "x_token": "t",
        "session": "s",
    }


def test_defaults_stand_in_for_what_is_missing(client: httpx.Client) -> None:
    assert client.get("/items/5").json() == {
        "item_id": 5,
        "q": None,
        "limit": 10,
        "tag": [],
        "x_token": None,
        "session": None,
    }


@pytest.mark.parametrize(
    ("target", "place"),
    [("/items/x", ["path", "item_id"]), ("/items/5?limit=0", ["query", "limit"])],
)
def test_wrong_parameter_is_422_with_its_place(
    client: httpx.Client, target: str, place: list[str]
) -> None:
    answer = client.get(target)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == place


def test_path_is_decoded_once_and_kept_raw_too(client: httpx.Client) -> None:
    answer = client.get("/paths/a%20b/%E2%82%AC%25?x=%20")
    assert answer.json() == {
        "path": "a b/€%",
        "raw": "/paths/a%20b/%E2%82%AC%25",
        "query": "x=%20",
    }


def test_body_becomes_a_model_and_the_answer_is_filtered_by_one(client: httpx.Client) -> None:
    lines = [
        {"article": "key", "count": 2, "price": "1.50"},
        {"article": "lock", "count": 1, "price": "9"},
    ]
    answer = client.post("/orders", json={"customer": "ada", "lines": lines})
    assert answer.status_code == 201
    order_id = "00000000-0000-0000-0000-000000000002"
    assert answer.json() == {"order_id": order_id, "customer": "ada", "total": "12.00"}
    assert answer.headers["location"] == f"/orders/{order_id}"
    assert answer.headers.get_list("set-cookie") == [
        f"last_order={order_id}; HttpOnly; Path=/; SameSite=lax",
        "customer=ada; Path=/; SameSite=lax",
    ]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"customer": "ada"}', ["body", "lines"]),
        (
            b'{"customer":"a","lines":[{"article":"","count":1,"price":1}]}',
            ["body", "lines", 0, "article"],
        ),
        (b"{not json", ["body", 1]),
        (b"", ["body"]),
    ],
)
def test_wrong_body_is_422_with_its_place(
    client: httpx.Client, body: bytes, place: list[str | int]
) -> None:
    answer = client.post("/orders", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == place


def test_form_is_read(client: httpx.Client) -> None:
    answer = client.post("/login", data={"name": "ada", "password": "p&=ü"})
    assert answer.json() == {"name": "ada", "length": "4"}


def test_204_has_no_body_and_the_connection_goes_on(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        gone = raw.request("DELETE", "/items/5").answer("DELETE")
        assert (gone.status, gone.body, gone.header("content-length")) == (204, b"", None)
        assert raw.get("/items/5").answer().status == 200


def test_dependencies_are_resolved_in_depth(client: httpx.Client) -> None:
    answer = client.get("/me?skip=5", headers={"Authorization": "Bearer secret"})
    assert answer.json() == {"name": "ada", "token": "secret", "skip": 5, "limit": 20}


def test_dependency_may_refuse(client: httpx.Client) -> None:
    answer = client.get("/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == {"detail": "who are you?"}


def test_yielding_dependencies_are_closed(client: httpx.Client, marks: Marks) -> None:
    answer = client.get("/rows?mark=fine")
    assert answer.json() == {"connection": ["open"], "other": "open"}
    marks.wait_for("fine-closed")
    marks.wait_for("fine-sync-closed")
    assert not marks.is_left("fine-rolled-back")


def test_yielding_dependency_sees_the_error_and_a_handler_answers_it(
    client: httpx.Client, marks: Marks
) -> None:
    answer = client.get("/rows?mark=failed&fail=true")
    assert answer.status_code == 418
    assert answer.json() == {"error": "the database said no", "path": "/rows"}
    marks.wait_for("failed-rolled-back")
    marks.wait_for("failed-closed")


def test_crash_is_500_and_logged_and_others_are_served(
    server: ServerProcess, client: httpx.Client
) -> None:
    with RawClient(server) as raw:
        answer = raw.get("/crash").answer()
        assert (answer.status, answer.body) == (500, b"Internal Server Error")
    # Whether the connection of a crash goes on is the server's choice.
    assert client.get("/items/1").status_code == 200
    wait_until(lambda: "raised on purpose" in server.log, "the traceback in the log")


def test_state_of_the_lifespan_reaches_concurrent_requests(server: ServerProcess) -> None:
    def ask(_number: int) -> str:
        with server.client() as client:
            return str(client.get("/greeting").json())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(32))) == {"hello from lifespan"}


def test_lifespan_of_every_instance_is_started_and_stopped(
    arm: Arm, tmp_path_factory: pytest.TempPathFactory
) -> None:
    marks = Marks(tmp_path_factory.mktemp("lifespan"))
    with framework_server(APP, arm.options, marks, "asgi"):
        started = marks.count("started-")
        assert started >= 1
        assert marks.count("stopped-") == 0
    assert marks.count("started-") == started
    assert marks.count("stopped-") == started


def test_background_tasks_run_after_the_answer(client: httpx.Client, marks: Marks) -> None:
    answer = client.post("/mail/letter")
    # Whole, although its tasks have not been let go.
    assert (answer.status_code, answer.json()) == (202, {"mail": "queued"})
    assert not marks.is_left("letter-async-sent")
    marks.leave("letter-go")
    marks.wait_for("letter-async-sent")
    marks.wait_for("letter-sync-archived")


def test_background_task_does_not_hold_its_connection(server: ServerProcess, marks: Marks) -> None:
    with RawClient(server) as raw:
        assert raw.request("POST", "/mail/slow").answer().status == 202
        assert raw.get("/items/1").answer().status == 200
        assert not marks.is_left("slow-async-sent")
        marks.leave("slow-go")
        marks.wait_for("slow-async-sent")


def test_sync_endpoints_run_beside_the_event_loop(client: httpx.Client) -> None:
    threads = [client.get(f"/threads/{kind}").json()["thread"] for kind in ("sync", "async")]
    assert threads[0] != threads[1]


def test_blocked_sync_endpoints_hold_nobody_up(
    server: ServerProcess, client: httpx.Client, marks: Marks
) -> None:
    with ThreadPoolExecutor(6) as pool:
        blocked = [pool.submit(server.get, "/blocked/jam") for _ in "123456"]
        wait_until(lambda: marks.count("jam-") == 6, "six endpoints in their threads")
        for number in range(20):
            with server.client() as other:
                assert other.get(f"/items/{number}").json()["item_id"] == number
        assert not any(answer.done() for answer in blocked)
        marks.leave("go-jam")
        assert [answer.result().json() for answer in blocked] == ["done"] * 6


def test_context_variables_of_requests_are_apart(server: ServerProcess) -> None:
    def ask(name: str) -> dict[str, str]:
        # Some requests on one connection after another, which is where a context would leak.
        with server.client() as client:
            answers = [client.get(f"/context/{name}").json() for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        return dict(answers[0])

    names = [f"user{number}" for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        for name, answer in zip(names, pool.map(ask, names), strict=True):
            assert answer == {"before": "nobody", "after": name, "task": name, "thread": name}


def test_middleware_sees_request_and_answer(client: httpx.Client) -> None:
    assert client.get("/items/1", headers={"X-Stamp": "77"}).headers["x-stamp"] == "77"
    assert client.get("/items/1").headers["x-stamp"] == "none"


def test_endless_events_pass_the_middleware_and_end_with_the_client(
    server: ServerProcess, marks: Marks
) -> None:
    with RawClient(server) as raw:
        headers = dict(raw.get("/events/feed", "X-Stamp: 5").head()[2])
        assert headers["x-stamp"] == "5"
        assert [raw.chunk(), raw.chunk()] == [b"data: 0\n\n", b"data: 1\n\n"]
        assert not marks.is_left("feed-closed")
    marks.wait_for("feed-closed")


def test_gzip_is_used_where_it_is_worth_it(client: httpx.Client) -> None:
    big = client.get("/big", headers={"Accept-Encoding": "gzip"})
    assert big.headers["content-encoding"] == "gzip"
    assert int(big.headers["content-length"]) < len(big.content) / 2
    assert big.json() == [f"row {number}" for number in range(2000)]
    plain = client.get("/big", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == big.content
    assert "content-encoding" not in client.get("/items/1").headers


def test_cors_preflight_and_answer(client: httpx.Client) -> None:
    preflight = client.options(
        "/items/1",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "X-Token",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
    assert "X-Token" in preflight.headers["access-control-allow-headers"]
    answer = client.get("/items/1", headers={"Origin": "https://shop.example"})
    assert answer.headers["access-control-allow-credentials"] == "true"
    foreign = client.get("/items/1", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in foreign.headers


def test_head_has_the_length_and_no_body(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        head = raw.request("HEAD", "/page").answer("HEAD")
        assert (head.status, head.header("content-length")) == (200, "6")
        assert head.header("cache-control") == "no-store"
        assert raw.get("/page").answer().body == b"a page"


def test_other_method_is_405_and_unknown_path_404(client: httpx.Client) -> None:
    refused = client.options("/page")
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert client.get("/nowhere").json() == {"detail": "Not Found"}


def test_file_is_sent_whole_and_in_part(client: httpx.Client) -> None:
    source = (APPS / "fastapi_app.py").read_bytes()
    plain = {"Accept-Encoding": "identity"}
    whole = client.get("/file", headers=plain)
    assert whole.content == source
    assert whole.headers["content-type"].startswith("text/x-python")
    assert 'filename="app.py"' in whole.headers["content-disposition"]
    assert int(whole.headers["content-length"]) == len(source)
    part = client.get("/file", headers={"Range": "bytes=10-19", **plain})
    assert (part.status_code, part.content) == (206, source[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(source)}"


def test_redirect_leads_to_the_named_route(client: httpx.Client, server: ServerProcess) -> None:
    answer = client.get("/moved")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{server.url}/items/7"


def test_scope_knows_both_ends_of_the_connection(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        own_port = raw.socket.getsockname()[1]
        answer = httpx.Response(200, content=raw.get("/peer").answer().body).json()
    assert answer == {
        "client": ["127.0.0.1", own_port],
        "server": ["127.0.0.1", server.port],
        "scheme": server.scheme,
        "http_version": "1.1",
        "url": f"{server.scheme}://test/peer",
    }


def test_mounted_app_knows_where_it_is(client: httpx.Client, server: ServerProcess) -> None:
    assert client.get("/shop/shelves/top").json() == {
        "root_path": "/shop",
        "path": "/shop/shelves/top",
        "here": f"{server.url}/shop/shelves/top",
    }
    assert client.get("/shop/openapi.json").json()["info"]["title"] == "shop"


def test_openapi_describes_the_routes(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/items/{item_id}", "/orders", "/me"} <= set(paths)
