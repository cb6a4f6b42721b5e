"""What a native handler may return and take, over a real socket, on every architecture and engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from arms import Arm
from raw_http import RawClient
from server_process import ServerProcess
from waiting import wait_until

IDENTITY = "12345678-1234-5678-1234-567812345678"


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    with ServerProcess("answers_app:app", *arm.options, "--shards", "1") as started:
        yield started


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


JSON, TEXT, OCTETS = "application/json", "text/plain; charset=utf-8", "application/octet-stream"
ANSWERS: list[tuple[str, int, str | None, bytes]] = [
    ("dict", 200, JSON, '{"a":1,"b":[true,null,1.5,"é\\n"]}'.encode()),
    ("list", 200, JSON, b'[1,"two",{"three":3}]'),
    ("tuple-in-list", 200, JSON, b"[[1,2]]"),
    ("str", 200, TEXT, "plain é".encode()),
    ("bytes", 200, OCTETS, b"\x00\xff"),
    ("int", 200, JSON, b"7"),
    ("bool", 200, JSON, b"true"),
    ("none", 204, None, b""),
    ("with-status", 201, JSON, b'{"made":true}'),
    ("with-headers", 202, "text/csv", b"text"),
    ("none-with-status", 404, None, b""),
    ("big-int", 200, JSON, b"[%d,%d]" % (2**200, -(2**64))),
    ("subclass", 200, JSON, b'["loud"]'),
]


@pytest.mark.parametrize("prefix", ["/answers", "/async/answers"])
@pytest.mark.parametrize(
    ("name", "status", "media_type", "body"), ANSWERS, ids=[row[0] for row in ANSWERS]
)
def test_returned_value_is_answered(
    client: httpx.Client, prefix: str, name: str, status: int, media_type: str | None, body: bytes
) -> None:
    answer = client.get(f"{prefix}/{name}")
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers.get("content-type") == media_type
    if name == "with-headers":
        assert answer.headers["x-probe"] == "yes"


def test_values_that_json_does_not_know_are_written_as_usual(client: httpx.Client) -> None:
    values = client.get("/answers/values").json()
    assert values.pop("when").startswith("2026-01-02T03:04:05")
    assert str(values.pop("price")) in ("1.50", "1.5")
    assert values == {"who": IDENTITY, "colour": "red", "point": {"x": 1, "y": 0.5}}


@pytest.mark.parametrize(
    "name",
    [
        "nan",
        "infinity",
        "surrogate",
        "object",
        "bad-status",
        "status-is-text",
        "header-with-line-end",
        "header-without-name",
        "header-with-space",
        "header-is-no-text",
        "deep",
        "circle",
    ],
)
def test_value_that_cannot_be_sent_is_a_500_and_a_line_in_the_log(
    server: ServerProcess, name: str
) -> None:
    lines_before = len(server.lines)
    with RawClient(server) as raw:
        answer = raw.get(f"/unanswerable/{name}").answer()
        assert (answer.status, answer.body) == (500, b'{"detail":"Internal Server Error"}')
        assert answer.header("x-evil") is None
        assert raw.get("/answers/int").answer().body == b"7"
    wait_until(lambda: len(server.lines) > lines_before, "a line in the log")


def test_response_is_answered_as_it_says(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        answer = raw.get("/response").answer()
    assert (answer.status, answer.body) == (418, b"made by hand")
    assert answer.header("content-type") == "text/x-probe; charset=utf-8"
    assert answer.header("x-probe") == "1"
    cookies = [value for name, value in answer.headers if name == "set-cookie"]
    assert [cookie.partition(";")[0] for cookie in cookies] == ["session=abc", "theme=dark"]
    assert "httponly" in cookies[0].lower()


def test_json_response_writes_none_as_null(client: httpx.Client) -> None:
    answer = client.get("/json-response")
    assert (answer.status_code, answer.content) == (203, b"null")


def test_html_response_names_its_charset(client: httpx.Client) -> None:
    answer = client.get("/html")
    assert (answer.headers["content-type"], answer.text) == ("text/html; charset=utf-8", "<p>é</p>")


def test_redirect_quotes_its_target(client: httpx.Client) -> None:
    answer = client.get("/redirect", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/somewhere%20else")


def test_stream_of_bytes_and_text_is_joined(client: httpx.Client) -> None:
    answer = client.get("/stream")
    assert (answer.status_code, answer.text) == (206, "bytes and é")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-probe"] == "1"


def test_http_exception_is_answered_with_its_detail_and_headers(client: httpx.Client) -> None:
    answer = client.get("/exception")
    assert (answer.status_code, answer.json()) == (409, {"detail": {"reason": "taken"}})
    assert answer.headers["retry-after"] == "7"
    assert client.get("/exception-without-detail").json() == {"detail": "Forbidden"}


# Parameters.


def test_path_parameters_are_converted_by_annotation(client: httpx.Client) -> None:
    values = client.get(f"/path/-7/2.5/true/{IDENTITY}/2026-01-02T03:04:05Z/blue/left").json()
    assert values.pop("when").startswith("2026-01-02T03:04:05")
    assert values == {
        "number": -7,
        "share": 2.5,
        "flag": True,
        "identity": IDENTITY,
        "colour": "blue",
        "side": "left",
        "types": ["int", "float", "bool", "UUID", "datetime", "Colour", "str"],
    }


def test_every_wrong_parameter_is_named(client: httpx.Client) -> None:
    answer = client.get("/path/a/b/c/d/e/f/g")
    assert answer.status_code == 422
    assert [(fault["type"], *fault["loc"]) for fault in answer.json()["detail"]] == [
        ("int_parsing", "path", "number"),
        ("float_parsing", "path", "share"),
        ("bool_parsing", "path", "flag"),
        ("uuid_parsing", "path", "identity"),
        ("datetime_from_date_parsing", "path", "when"),
        ("enum", "path", "colour"),
        ("literal_error", "path", "side"),
    ]


def test_query_parameters_have_defaults_and_lists(client: httpx.Client) -> None:
    assert client.get("/query?needed=a%20b").json() == {
        "needed": "a b",
        "page": None,
        "tag": [],
        "ids": [],
    }
    assert client.get("/query?needed=&page=2&tag=x&ids=1&tag=y&ids=2").json() == {
        "needed": "",
        "page": 2,
        "tag": ["x", "y"],
        "ids": [1, 2],
    }


def test_missing_query_parameter_is_named(client: httpx.Client) -> None:
    answer = client.get("/query")
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert (fault["type"], fault["loc"], fault["msg"]) == (
        "missing",
        ["query", "needed"],
        "Field required",
    )


def test_headers_and_cookies_are_bound(client: httpx.Client) -> None:
    answer = client.get(
        "/fields", headers={"User-Agent": "probe", "X-Count": "3", "Cookie": "a=1; session=xyz"}
    )
    assert answer.json() == {"user_agent": "probe", "x_count": 3, "session": "xyz"}
    assert client.get("/fields", headers={"X-Count": "three"}).status_code == 422


@pytest.mark.parametrize(
    ("target", "body", "wanted"),
    [
        ("/body/dict", b'{"a": {"b": [1, null]}}', {"a": {"b": [1, None]}}),
        ("/body/list", b"[1, 2, 3]", [1, 2, 3]),
        ("/body/point", b'{"x": 4}', {"type": "Point", "point": {"x": 4, "y": 0.5}}),
    ],
)
def test_json_body_is_bound(client: httpx.Client, target: str, body: bytes, wanted: Any) -> None:
    answer = client.post(target, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (200, wanted)


def test_bytes_body_is_given_as_it_is(client: httpx.Client) -> None:
    assert client.post("/body/bytes", content=b"\x00abc\xff").content == b"\xffcba\x00"


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/body/dict", b"{"),
        ("/body/dict", b"[]"),
        ("/body/list", b'["x"]'),
        ("/body/point", b"{}"),
        ("/body/point", b""),
    ],
)
def test_wrong_json_body_is_answered_422(client: httpx.Client, target: str, body: bytes) -> None:
    answer = client.post(target, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


@pytest.mark.parametrize(
    "body", [b"\xff", b"[" * 100_000, b'"\\ud800"'], ids=["no UTF-8", "deep", "surrogate"]
)
def test_odd_json_body_is_the_peers_fault(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/body/dict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["detail"]


def test_whole_request_is_given_on_demand(server: ServerProcess) -> None:
    body = b'{"k": 1}'
    with RawClient(server) as raw:
        raw.request(
            "POST",
            "/request/caf%C3%A9?q=1&q=2",
            "X-Probe: 1",
            "Cookie: a=b",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            body=body,
        )
        answer = raw.answer()
    assert httpx.Response(200, content=answer.body).json() == {
        "name": "café",
        "method": "POST",
        "path": "/request/café",
        "query": "q=1&q=2",
        "path_params": {"name": "café"},
        "version": "1.1",
        "x-probe": "1",
        "cookies": {"a": "b"},
        "body": {"k": 1},
        "client": "127.0.0.1",
        "port": server.port,
    }
