"""Django over real sockets on every arm, as ASGI and as WSGI: forms, sessions, a database, uploads, streams."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from arms import Arm
from framework_server import Interface, Marks, framework_server
from places import APPS
from raw_http import RawClient
from server_process import ServerProcess
from waiting import TIMEOUT_S


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its tables, made once by Django's own command."""
    path = tmp_path_factory.mktemp("database") / "empty.sqlite3"
    settings = {"DJANGO_SETTINGS_MODULE": "django_app.settings", "PYTHONPATH": str(APPS)}
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity", "0"],
        env=os.environ | settings | {"DATABASE": str(path), "MARKS_DIR": str(path.parent)},
        check=True,
        timeout=TIMEOUT_S,
    )
    return path


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def interface(request: pytest.FixtureRequest) -> Interface:
    chosen: Interface = request.param
    return chosen


@pytest.fixture(scope="module")
def marks(arm: Arm, interface: Interface, tmp_path_factory: pytest.TempPathFactory) -> Marks:
    return Marks(tmp_path_factory.mktemp("marks"))


@pytest.fixture(scope="module")
def server(
    arm: Arm, interface: Interface, marks: Marks, empty_database: Path
) -> Iterator[ServerProcess]:
    database = shutil.copy(empty_database, marks.folder / "database.sqlite3")
    with framework_server(
        f"django_app.{interface}:application",
        arm.options,
        marks,
        interface,
        DATABASE=str(database),
    ) as server:
        yield server


@pytest.fixture
def browser(server: ServerProcess) -> Iterator[httpx.Client]:
    """Cookies of its own."""
    with server.client() as client:
        yield client


def test_request_is_described_in_full(server: ServerProcess, browser: httpx.Client) -> None:
    answer = browser.get("/environment/a%20b/%C3%A9?x=1&x=2&y=%26", headers={"X-Probe": "p"})
    assert answer.json() == {
        "rest": "a b/é",
        "path": "/environment/a b/é",
        "query": "x=1&x=2&y=%26",
        "client": "127.0.0.1",
        "port": str(server.port),
        "secure": server.scheme == "https",
        "header": "p",
        "url": f"{server.url}/environment/a%20b/%C3%A9?x=1&x=2&y=%26",
        "served": answer.headers["x-served"],
    }


def test_middleware_runs_in_its_own_kind(browser: httpx.Client, interface: Interface) -> None:
    kind = "async" if interface == "asgi" else "sync"
    assert browser.get("/").headers["x-served"] == kind


def test_session_counts_for_each_browser(server: ServerProcess, browser: httpx.Client) -> None:
    assert [browser.get("/counter").json()["count"] for _ in range(3)] == [1, 2, 3]
    with server.client() as stranger:
        assert stranger.get("/counter").json() == {"count": 1}


def csrf_token(browser: httpx.Client) -> str:
    form = browser.get("/notes/new")
    match = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)
    assert match is not None
    return match[1]


def test_form_is_taken_with_its_token_and_kept(browser: httpx.Client) -> None:
    token = csrf_token(browser)
    form = {"author": "Ada", "text": "größer & größer", "csrfmiddlewaretoken": token}
    posted = browser.post("/notes/", data=form)
    assert (posted.status_code, posted.headers["location"]) == (302, "/notes/")
    listed = browser.get("/notes/").json()
    assert {"author": "Ada", "text": "größer & größer"} in listed["notes"]
    assert listed["said"] == ["noted"]
    assert browser.get("/notes/").json()["said"] == []


def test_form_without_token_is_refused(browser: httpx.Client) -> None:
    refused = browser.post("/notes/", data={"author": "Eve", "text": "mine"})
    assert refused.status_code == 403
    assert "Eve" not in browser.get("/notes/").text


def test_async_view_reads_the_database(browser: httpx.Client) -> None:
    form = {"author": "Async", "text": "t", "csrfmiddlewaretoken": csrf_token(browser)}
    browser.post("/notes/", data=form)
    counted = browser.get("/async/count").json()
    assert "Async" in counted["authors"]
    assert counted["count"] == len(counted["authors"])


def test_transactions_of_many_threads_all_count(server: ServerProcess) -> None:
    def add(_number: int) -> int:
        with server.client() as client:
            return int(client.post("/tally/votes").json()["count"])

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(add, range(24))) == list(range(1, 25))


def test_small_and_large_files_are_uploaded(browser: httpx.Client) -> None:
    small, large = random.Random(1).randbytes(10_000), random.Random(2).randbytes(4_000_000)
    answer = browser.post(
        "/upload",
        data={"title": "two"},
        files=[("files", ("small.bin", small)), ("files", ("large.bin", large))],
        headers={"X-CSRFToken": csrf_token(browser)},
    )
    assert answer.json() == {
        "title": "two",
        "files": [
            ["small.bin", 10_000, hashlib.sha256(small).hexdigest()],
            ["large.bin", 4_000_000, hashlib.sha256(large).hexdigest()],
        ],
    }


@pytest.mark.parametrize("size", [0, 1, 70_000, 1_000_000])
def test_raw_body_comes_back(browser: httpx.Client, size: int) -> None:
    body = random.Random(size).randbytes(size)
    answer = browser.post("/echo", content=body, headers={"Content-Type": "x/y"})
    assert (answer.content, answer.headers["content-type"]) == (body, "x/y")


def test_body_in_chunks_comes_back(browser: httpx.Client, interface: Interface) -> None:
    answer = browser.post("/echo", content=iter([b"chunk" * 1000] * 3))
    # Under WSGI Django reads CONTENT_LENGTH bytes: a server may find out the length first, or give none.
    may_be_empty = interface == "wsgi" and answer.content == b""
    assert may_be_empty or answer.content == b"chunk" * 3000


def test_file_is_downloaded(browser: httpx.Client) -> None:
    source = (APPS / "django_app" / "views.py").read_bytes()
    answer = browser.get("/file", headers={"Accept-Encoding": "identity"})
    assert answer.content == source
    assert int(answer.headers["content-length"]) == len(source)
    assert 'filename="views.py"' in answer.headers["content-disposition"]


def test_head_has_no_body(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        head = raw.request("HEAD", "/").answer("HEAD")
        assert (head.status, head.header("content-length")) == (200, "6")
        assert raw.get("/").answer().body == b"Django"


def test_errors_are_answered(browser: httpx.Client) -> None:
    assert browser.get("/nowhere").status_code == 404
    assert browser.get("/crash").status_code == 500
    assert browser.delete("/notes/").status_code in (403, 405)
    assert browser.get("/").text == "Django"


def test_streamed_line_leaves_before_the_next_is_made(
    server: ServerProcess, marks: Marks, interface: Interface
) -> None:
    # Django collects the sync iterators under ASGI, and the async ones under WSGI.
    path = "/async/lines/second" if interface == "asgi" else "/lines/second"
    with RawClient(server) as raw:
        _version, status, _headers = raw.get(path).head()
        assert status == 200
        assert raw.chunk() == b"first\n"
        marks.leave("second")
        assert raw.chunk() == b"second\n"
        assert raw.chunk() is None
        assert raw.get("/").answer().status == 200


@pytest.mark.parametrize("prefix", ["", "/async"])
def test_stream_of_the_other_kind_arrives_whole(
    browser: httpx.Client, marks: Marks, prefix: str
) -> None:
    marks.leave("open")
    assert browser.get(f"{prefix}/lines/open").text == "first\nsecond\n"


def test_endless_stream_is_closed_when_the_client_leaves(
    server: ServerProcess, marks: Marks, interface: Interface
) -> None:
    path = "/async/ticks/ticks" if interface == "asgi" else "/ticks/ticks"
    with RawClient(server) as raw:
        raw.get(path).head()
        assert (raw.chunk() or b"").startswith(b"tick")
        assert not marks.is_left("ticks-closed")
    marks.wait_for("ticks-closed")


def test_async_view_is_answered_when_it_has_waited(
    server: ServerProcess, browser: httpx.Client, marks: Marks
) -> None:
    with RawClient(server) as raw:
        raw.get("/async/wait/patient")
        marks.wait_for("patient-waiting")
        assert browser.get("/").text == "Django"
        marks.leave("patient-go")
        assert raw.answer().body == b"waited"


def test_async_view_is_cancelled_when_the_client_leaves(
    server: ServerProcess, marks: Marks, interface: Interface
) -> None:
    with RawClient(server) as raw:
        raw.get("/async/wait/gone")
        marks.wait_for("gone-waiting")
    if interface == "asgi":
        marks.wait_for("gone-cancelled")
    else:
        # WSGI has no way to say so; the view ends by itself.
        marks.leave("gone-go")
