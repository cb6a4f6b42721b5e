"""Unusual ways in which requests become calls and calls become answers, on every architecture and engine."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from arms import Arm
from places import APPS
from raw_http import RawClient
from server_process import ServerProcess, run_command
from waiting import wait_until


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    with ServerProcess("binding_app:app", *arm.options, "--shards", "1") as started:
        yield started


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def raw(server: ServerProcess, target: str, *lines: str) -> tuple[int, bytes]:
    with RawClient(server) as opened:
        answer = opened.get(target, *lines).answer()
    return answer.status, answer.body


NO_TEXT = b'"type":"string_unicode"'


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/text/a%2Fb", 200, b"a/b"),
        ("/text/%252F", 200, b"%2F"),
        ("/text/%C3%A9", 200, "é".encode()),
        ("/text/%zz%", 200, b"%zz%"),
        ("/text/a+b", 200, b"a+b"),
        ("/text/%00", 200, b"\0"),
        ("/text/%c0", 422, NO_TEXT),
        ("/%c0", 404, b"Not Found"),
        ("/text/", 404, b"Not Found"),
        ("/rest/", 200, b""),
        ("/rest/a/b%2Fc//d", 200, b"a/b/c//d"),
        ("/query?q=a+b%2B&n=+7&m%5B%5D=1&m[]=2", 200, b'["a b+",7,["1","2"]]'),
        ("/query?q=&q=last", 200, b'["last",0,null]'),
        ("/query?q", 200, b'["",0,null]'),
        ("/query?q=%ff", 422, NO_TEXT),
        ("/query?q=1&m[]=ok&m[]=%ff", 422, b'"loc":["query","m[]","1"]'),
        ("/query?n=x&n=1", 422, b'"type":"missing"'),
    ],
)
def test_paths_and_queries_are_decoded_once(
    server: ServerProcess, target: str, status: int, body: bytes
) -> None:
    found, answer = raw(server, target)
    assert found == status
    assert answer == body if status == 200 else body in answer


def test_header_bytes_are_latin_1(server: ServerProcess) -> None:
    assert raw(server, "/token", "X-Token: \xe9") == (200, "é".encode())


def test_what_is_wrong_before_the_body_is_answered_without_it(server: ServerProcess) -> None:
    with RawClient(server) as client:
        client.request(
            "POST", "/numbers?limit=x", "Content-Length: 5", "Expect: 100-continue"
        )  # the body never comes
        answer = client.answer("POST")
    assert (answer.status, b'"loc":["query","limit"]' in answer.body) == (422, True)


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        (b"[1,2,3]", 200, "[1,2]"),
        (b'[1,"x",{}]', 422, '"loc":["body",1]'),
        (b"", 422, '"msg":"Field required","input":null'),
        (b"[1,", 422, '"type":"json_invalid","loc":["body",3]'),
        (b"\xff", 400, '{"detail":"There was an error parsing the body"}'),
        # Input that JSON cannot hold is left out, not answered 500.
        (b'["\\ud800"]', 422, '"input":null'),
        (b"[" * 400 + b"]" * 400, 422, '"input":null'),
    ],
)
def test_json_bodies_are_checked(client: httpx.Client, body: bytes, status: int, part: str) -> None:
    headers = {"content-type": "application/json"}
    answer = client.post("/numbers?limit=2", content=body, headers=headers)
    assert answer.status_code == status
    assert part in answer.text


def test_body_without_end_is_the_clients_fault_however_deep_it_is(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    answer = client.post("/numbers?limit=2", content=b"[" * 100_000, headers=headers)
    # 3.13 gives up on the way. 3.14 goes as deep as the thread's stack allows, and may find that the end is missing.
    told = (answer.status_code, answer.text[:60])
    assert told in [
        (400, '{"detail":"There was an error parsing the body"}'),
        (422, '{"detail":[{"type":"json_invalid","loc":["body",100000],"msg'),
    ]


def test_text_bodies_are_given_as_they_are(client: httpx.Client) -> None:
    assert client.post("/text", content="é".encode()).text == "é"
    assert client.post("/text").text == "nothing"
    assert client.post("/text", content=b"\xff").status_code == 422


def test_request_gives_its_body_as_json_or_says_what_is_wrong(client: httpx.Client) -> None:
    assert client.post("/request-body", content=b"[1]").json() == [[1], 3]
    wrong = client.post("/request-body", content=b"[1")
    assert (wrong.status_code, wrong.json()["detail"][0]["loc"]) == (422, ["body", 2])


def test_request_that_holds_itself_is_no_matter(client: httpx.Client) -> None:
    for _ in range(50):
        assert client.get("/state").json()["same"] is True


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/wrapped/7", 200, '{"number":7}'),
        ("/blocking/refused", 403, '{"detail":{"reason":"no"}}'),
        ("/blocking/stream", 200, "ab"),
        ("/blocking/wrapped", 200, "awaited"),
        ("/response/plain", 200, "12345"),
        ("/response/length", 200, "12345"),
    ],
)
def test_unusual_calls_are_answered(
    client: httpx.Client, target: str, status: int, body: str
) -> None:
    answer = client.get(target)
    assert (answer.status_code, answer.text) == (status, body)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("wrong-length", "content-length says 4, the body has 5 bytes"),
        ("body", "a Response's body is bytes, not str"),
        ("status", "an answer's status is an int, not str"),
        ("in-tuple", "it has its own status"),
        ("long-tuple", "not with 4 items"),
    ],
)
def test_answers_that_cannot_be_meant_are_500_and_logged(
    server: ServerProcess, client: httpx.Client, kind: str, reason: str
) -> None:
    answer = client.get(f"/response/{kind}")
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
    wait_until(lambda: reason in server.log, f"a log line with {reason!r}")


def test_changed_default_is_not_the_next_requests(client: httpx.Client) -> None:
    for _ in range(2):
        assert client.get("/tags").json() == ["added"]
    assert client.get("/tags?tag=own").json() == ["own", "added"]


def test_context_variables_do_not_leak_from_request_to_request(client: httpx.Client) -> None:
    for kind in ("inline", "async", "blocking") * 3:
        # The pool has several threads: after a few calls each has served one.
        for _ in range(10):
            assert client.get(f"/context/{kind}").text == "nobody"


def test_stopped_loop_goes_on(client: httpx.Client) -> None:
    for _ in range(3):
        assert client.get("/loop/stop").text == "still there"


def test_handler_that_holds_its_shard_is_named_once(
    server: ServerProcess, client: httpx.Client
) -> None:
    for _ in range(3):
        assert client.get("/slow").text == "slow"
    wait_until(lambda: "slow held" in server.log, "a log line")
    held = [line for line in server.lines if "binding_app.slow held its shard" in line]
    assert len(held) == 1
    assert "blocking=True" in held[0]


def test_annotation_that_names_nothing_ends_the_start(arm: Arm) -> None:
    ended = run_command(
        *("binding_app:app", "--app-dir", str(APPS), "--port", "0", *arm.options),
        WITH_ABSENT="1",
    )
    assert ended.returncode == 2
    [line] = [line for line in ended.stderr.splitlines() if "takes_absent" in line]
    assert "an annotation names Absent, which its module does not define" in line
