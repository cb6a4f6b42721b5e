"""A WSGI app's large answer in one bytes object: sent from where it is, not copied as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from arms import Arm
from raw_http import CutShort, RawClient
from server_process import ServerProcess
from waiting import wait_until

MIB = 1024 * 1024
LARGE_BYTES = 64 * MIB

APP = f"""
BODY = bytes(range(256)) * ({LARGE_BYTES} // 256)

def app(environ, start_response):
    lengths = {{"/exact": len(BODY), "/short": 1000, "/long": len(BODY) + 1}}
    length = lengths.get(environ["PATH_INFO"])
    headers = [] if length is None else [("Content-Length", str(length))]
    start_response("200 OK", headers)
    return [BODY]
"""


@pytest.fixture(scope="module", params=["always", "never"])
def server(
    request: pytest.FixtureRequest, arm: Arm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("large")
    (folder / "app.py").write_text(APP)
    options = ("--shards", "1", "--wsgi-inline", request.param)
    with ServerProcess("app:app", *arm.options, *options, app_dir=folder) as server:
        yield server


def peak_bytes(server: ServerProcess) -> int:
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in server.serving_pids]
    peaks = [re.search(r"VmHWM:\s+(\d+) kB", status) for status in statuses]
    return sum(int(peak[1]) * 1024 for peak in peaks if peak)


def test_it_takes_no_second_place_in_memory(server: ServerProcess) -> None:
    before = peak_bytes(server)
    for target in ("/", "/exact"):
        with RawClient(server) as raw:
            answer = raw.get(target).answer()
            assert answer.header("content-length") == str(LARGE_BYTES)
            assert answer.body == bytes(range(256)) * (LARGE_BYTES // 256)
            # The connection goes on.
            raw.request("HEAD", "/")
            assert raw.answer("HEAD").header("content-length") == str(LARGE_BYTES)
    assert peak_bytes(server) - before < LARGE_BYTES / 2


def test_client_that_leaves_amid_it_is_nobody_s_fault(server: ServerProcess) -> None:
    for _ in range(3):
        with RawClient(server) as raw:
            assert raw.get("/").head()[1] == 200
    with RawClient(server) as raw:
        assert len(raw.get("/").answer().body) == LARGE_BYTES
    assert "ERROR" not in server.log


def test_it_is_cut_at_its_own_length(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        assert raw.get("/short").answer().body == (bytes(range(256)) * 4)[:1000]
    wait_until(lambda: "the body is longer than its content-length" in server.log, "the log")


def test_it_may_not_be_shorter_than_its_own_length(server: ServerProcess) -> None:
    with RawClient(server) as raw, pytest.raises(CutShort):
        answer = raw.get("/long").answer()
        assert answer.status == 500
        raise CutShort
