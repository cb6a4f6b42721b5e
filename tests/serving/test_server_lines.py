"""The lines that the server puts on answers: --header, --server-header, --no-date-header."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arms import Arm
from raw_http import Answer, RawClient
from raw_websocket import handshake
from server_process import ServerProcess, StartServer
from waiting import wait_until

CHOSEN = ("--header", "x-served-by: one", "--header=X-Served-By:two, three", "--server-header=door")


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    """With lines of our own on every answer."""
    with ServerProcess("lines_app:app", *arm.options, "--shards", "1", *CHOSEN) as server:
        yield server


def served_by(answer: Answer) -> list[str]:
    return [value for name, value in answer.headers if name == "x-served-by"]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/whole", 200),
        ("HEAD", "/whole", 200),
        ("GET", "/deferred", 200),
        ("GET", "/streamed", 200),
        ("GET", "/unchanged", 304),
        ("GET", "/nowhere", 404),
        ("DELETE", "/whole", 405),
        ("GET", "/failing", 500),
    ],
)
def test_chosen_lines_are_on_every_answer_of_the_app(
    server: ServerProcess, method: str, target: str, status: int
) -> None:
    with RawClient(server) as client:
        answer = client.request(method, target).answer(method)
    assert answer.status == status
    assert served_by(answer) == ["one", "two, three"]
    assert answer.header("server") == "door"
    assert answer.header("date") is not None


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/9.1\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: a\r\nx-long: " + b"x" * 70_000, 431),
    ],
)
def test_chosen_lines_are_on_the_servers_own_refusals(
    server: ServerProcess, request_bytes: bytes, status: int
) -> None:
    with RawClient(server) as client:
        answer = client.send(request_bytes).answer()
    assert answer.status == status
    assert (served_by(answer), answer.header("server")) == (["one", "two, three"], "door")


def test_chosen_lines_are_on_the_503_of_a_full_server(arm: Arm, start_server: StartServer) -> None:
    options = ("--shards", "1", "--connections-max", "1", *CHOSEN)
    server = start_server("lines_app:app", *arm.options, *options)

    def refused() -> Answer | None:
        with RawClient(server) as client:
            answer = client.get("/whole").answer()
            return answer if answer.status == 503 else None

    with RawClient(server) as first:
        assert first.get("/whole").answer().status == 200
        answer = wait_until(refused, "a refusal")
    assert answer is not None
    assert answer.header("retry-after") is not None
    assert (served_by(answer), answer.header("server")) == (["one", "two, three"], "door")


def test_an_apps_server_line_goes_before_ours_and_its_other_lines_stay_beside_ours(
    server: ServerProcess,
) -> None:
    with RawClient(server) as client:
        answer = client.get("/own").answer()
    assert answer.header("server") == "the app"
    assert served_by(answer) == ["one", "two, three", "the app"]


def test_interim_answers_have_none_of_the_servers_lines(server: ServerProcess) -> None:
    with RawClient(server) as client:
        client.request("POST", "/echo", "Expect: 100-continue", "Content-Length: 2")
        interim = client.answer()
        assert (interim.status, interim.headers) == (100, [])
        final = client.send(b"ab").answer()
    assert (final.status, served_by(final)) == (200, ["one", "two, three"])


def test_the_answer_to_a_websocket_handshake_has_none_of_the_servers_lines(
    server: ServerProcess,
) -> None:
    with RawClient(server) as client:
        answer = client.send(handshake("/talk")).answer()
    assert answer.status == 101
    assert served_by(answer) == []
    assert (answer.header("server"), answer.header("date")) == (None, None)


def test_a_server_without_date_lines_sends_only_those_of_the_app(
    arm: Arm, start_server: StartServer
) -> None:
    options = ("--shards", "1", "--no-date-header", "--server-header")
    server = start_server("lines_app:app", *arm.options, *options)
    with RawClient(server) as client:
        for target in ("/whole", "/streamed", "/nowhere"):
            answer = client.get(target).answer()
            assert (answer.header("date"), answer.header("server")) == (None, "turbo-shard")
        assert client.get("/dated").answer().header("date") == "Sun, 06 Nov 1994 08:49:37 GMT"
        refused = client.send(b"GET / HTTP/1.1\r\n\r\n").answer()
    assert (refused.status, refused.header("date")) == (400, None)


def test_without_these_options_the_date_is_the_servers_only_line(
    arm: Arm, start_server: StartServer
) -> None:
    server = start_server("lines_app:app", *arm.options, "--shards", "1", "--no-server-header")
    with RawClient(server) as client:
        names = [name for name, _ in client.get("/whole").answer().headers]
    assert sorted(names) == ["content-length", "content-type", "date"]
