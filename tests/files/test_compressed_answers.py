"""Answers compressed on their way (--compress), in every mode and on every engine."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from arms import Arm
from raw_http import Answer, CutShort, RawClient
from server_process import ServerProcess, run_command

# As tests/apps/packed_app.py has them.
TEXT = b"".join(b"line %d of a text that repeats itself\n" % number for number in range(2000))
LARGE = TEXT * 100
PIECES = b"small" + TEXT * 10 + b"small" + TEXT * 10


@pytest.fixture(scope="module")
def server(arm: Arm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    root = tmp_path_factory.mktemp("packed")
    (root / "text.txt").write_bytes(TEXT)
    (root / "large.txt").write_bytes(LARGE)
    (root / "ready.txt").write_bytes(TEXT)
    (root / "ready.txt.gz").write_bytes(b"made ahead of time")
    options = ("--shards", "1", "--compress", "--static", f"/static={root}")
    with ServerProcess("packed_app:app", *arm.options, *options) as server:
        yield server


def ask(server: ServerProcess, path: str, accepted: str = "gzip", method: str = "GET") -> Answer:
    with RawClient(server) as client:
        return client.request(method, path, f"accept-encoding: {accepted}").answer(method)


def unpacked(answer: Answer) -> bytes:
    match answer.header("content-encoding"):
        case "gzip":
            unpacker = zlib.decompressobj(31)
            plain = unpacker.decompress(answer.body)
            assert unpacker.eof and not unpacker.unused_data
            return plain
        case None:
            return answer.body
        case coding:
            raise AssertionError(f"{coding} was not asked for")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/text", TEXT),
        ("/large", LARGE),
        ("/pieces", PIECES),
        ("/error", TEXT),
        ("/static/text.txt", TEXT),
        ("/static/large.txt", LARGE),
    ],
)
def test_a_client_that_takes_gzip_gets_it(server: ServerProcess, path: str, body: bytes) -> None:
    answer = ask(server, path)
    assert answer.header("content-encoding") == "gzip"
    assert answer.header("vary") == "accept-encoding"
    assert answer.header("accept-ranges") == "none"
    assert len(answer.body) < len(body) / 5
    assert unpacked(answer) == body
    plain = ask(server, path, "identity")
    assert (plain.body, plain.header("content-encoding")) == (body, None)
    assert plain.header("vary") == "accept-encoding"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("gzip;q=0", None),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("*", "zstd"),
    ],
)
@pytest.mark.parametrize("path", ["/text", "/large"])
def test_the_coding_goes_by_weight(
    server: ServerProcess, path: str, accepted: str, coding: str | None
) -> None:
    answer = ask(server, path, accepted)
    assert answer.header("content-encoding") == coding
    magic = {"zstd": b"\x28\xb5\x2f\xfd", "gzip": b"\x1f\x8b"}.get(coding or "", b"")
    assert answer.body.startswith(magic)


@pytest.mark.parametrize("path", ["/text", "/large", "/pieces"])
def test_zstd_is_what_its_own_program_reads(
    server: ServerProcess, path: str, tmp_path: Path
) -> None:
    if shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
    packed = tmp_path / "packed"
    packed.write_bytes(ask(server, path, "zstd").body)
    plain = subprocess.run(["zstd", "-dc", packed], capture_output=True, check=True).stdout
    assert plain == {"/text": TEXT, "/large": LARGE, "/pieces": PIECES}[path]


@pytest.mark.parametrize(
    "path",
    ["/tiny", "/image", "/coded", "/untouched", "/part", "/unchanged", "/empty"],
)
def test_the_rest_is_left_as_it_is(server: ServerProcess, path: str) -> None:
    packed, plain = ask(server, path), ask(server, path, "identity")
    assert packed.body == plain.body
    without_date = [
        [one for one in answer.headers if one[0] != "date"] for answer in (packed, plain)
    ]
    assert without_date[0] == without_date[1]


def test_a_strong_tag_becomes_weak_and_vary_is_added_to(server: ServerProcess) -> None:
    answer = ask(server, "/tagged")
    assert (answer.header("etag"), answer.header("vary")) == (
        'W/"strong"',
        "cookie, accept-encoding",
    )
    plain = ask(server, "/tagged", "identity")
    assert (plain.header("etag"), plain.header("vary")) == ('"strong"', "cookie, accept-encoding")


def test_what_stands_for_a_compressed_answer_says_the_same_of_itself(server: ServerProcess) -> None:
    whole = ask(server, "/static/text.txt")
    tag = whole.header("etag")
    assert tag is not None and tag.startswith("W/")
    with RawClient(server) as client:
        lines = ("accept-encoding: gzip", f"if-none-match: {tag}")
        unchanged = client.request("GET", "/static/text.txt", *lines).answer()
        assert unchanged.status == 304
        assert (unchanged.header("etag"), unchanged.header("vary")) == (tag, whole.header("vary"))
        lines = ("accept-encoding: gzip", "range: bytes=0-9")
        part = client.request("GET", "/static/text.txt", *lines).answer()
        assert (part.status, part.body) == (206, TEXT[:10])
        assert part.header("vary") == whole.header("vary")


@pytest.mark.parametrize("path", ["/text", "/large", "/tagged", "/tiny", "/static/text.txt"])
def test_head_says_what_get_says_but_for_the_length(server: ServerProcess, path: str) -> None:
    get, head = ask(server, path), ask(server, path, method="HEAD")
    left_out = {"date", "content-length", "transfer-encoding"}
    kept = [[one for one in answer.headers if one[0] not in left_out] for answer in (get, head)]
    assert kept[0] == kept[1]


def test_what_was_compressed_ahead_of_time_goes_before(server: ServerProcess) -> None:
    answer = ask(server, "/static/ready.txt")
    assert (answer.header("content-encoding"), answer.body) == ("gzip", b"made ahead of time")
    part = ask(server, "/static/ready.txt", "identity")
    assert part.header("accept-ranges") == "bytes"


def test_each_event_of_a_stream_arrives_at_once(server: ServerProcess) -> None:
    unpacker = zlib.decompressobj(31)
    with RawClient(server) as client:
        client.get("/events", "accept-encoding: gzip")
        _, status, headers = client.head()
        assert (status, dict(headers)["content-encoding"]) == (200, "gzip")
        text = b""
        while text != b"data: one\n\n":
            text += unpacker.decompress(next_chunk(client))
        assert ask(server, "/go").body == b"gone"
        while not unpacker.eof:
            text += unpacker.decompress(next_chunk(client))
        assert text == b"data: one\n\ndata: two\n\n"


def next_chunk(client: RawClient) -> bytes:
    size = int(client.line(), 16)
    chunk = client.take(size)
    assert client.line() == b""
    return chunk


def test_an_old_client_gets_a_length(server: ServerProcess) -> None:
    with RawClient(server) as client:
        client.send(b"GET /text HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        answer = client.answer()
    assert (answer.body, answer.header("content-encoding")) == (TEXT, None)


def test_a_body_that_is_too_short_is_cut(server: ServerProcess) -> None:
    with RawClient(server) as client, pytest.raises(CutShort):
        client.get("/short", "accept-encoding: gzip").answer()
    assert ask(server, "/tiny").body == b"tiny"


def test_requests_behind_each_other_are_answered_in_order(server: ServerProcess) -> None:
    with RawClient(server) as client:
        for _ in range(3):
            for path in ("/large", "/tiny", "/text", "/pieces"):
                client.get(path, "accept-encoding: gzip")
        for _ in range(3):
            for body in (LARGE, b"tiny", TEXT, PIECES):
                assert unpacked(client.answer()) == body


def test_a_large_body_lets_others_in_between(server: ServerProcess) -> None:
    """The peer of the large one reads nothing, so it is never done; nobody waits for that."""
    with server.connect() as slow:
        for _ in range(4):
            slow.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n")
        for _ in range(20):
            assert ask(server, "/tiny").body == b"tiny"


def test_types_and_sizes_can_be_chosen(tmp_path: Path) -> None:
    options = ("--compress", "--compress-types", "image/png", "--compress-min-bytes", "4")
    with ServerProcess("packed_app:app", "--shards", "1", *options) as server:
        assert ask(server, "/image").header("content-encoding") == "gzip"
        assert ask(server, "/text").header("content-encoding") is None
    done = run_command("packed_app:app", "--compress-types", "text", cwd=tmp_path)
    assert done.returncode == 2
    assert "'text' is not a media type" in done.stderr
