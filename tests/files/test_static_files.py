"""Directories that the server answers itself (--static), in every mode and on every engine."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from arms import Arm
from raw_http import Answer, CutShort, RawClient
from server_process import ServerProcess, run_command
from waiting import wait_until

PAGE = b"<!doctype html><title>page</title>"
SCRIPT = b"console.log('plain');\n" * 40
# More than is kept in memory, and no repetition that would hide a piece in the wrong place.
LARGE = b"".join(number.to_bytes(4, "big") for number in range(300_000))
MODIFIED_S = 1_700_000_000
MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"


def fill(root: Path) -> None:
    files = {
        "index.html": PAGE,
        "app.js": SCRIPT,
        "app.js.br": b"brotli bytes",
        "app.js.gz": b"gzip bytes",
        "empty.txt": b"",
        "large.bin": LARGE,
        "docs/index.html": b"docs",
        "bare/note.txt": b"note",
        "with space.txt": b"space",
        ".env": b"secret",
        ".well-known/security.txt": b"contact",
        ".git/config": b"secret",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (MODIFIED_S, MODIFIED_S))
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (root / "out").symlink_to("../outside")
    (root / "out.txt").symlink_to("/etc/hostname")
    (root / "within.js").symlink_to("app.js")
    os.mkfifo(root / "pipe")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("static") / "root"
    root.mkdir()
    fill(root)
    return root


@pytest.fixture(scope="module")
def server(arm: Arm, root: Path) -> Iterator[ServerProcess]:
    mounts = (
        f"--static=/static={root}",
        f"--static=/cached={root},max-age=60,hidden",
        f"--static=/site={root},spa",
        f"--static=/={root},spa,pass,follow",
    )
    with ServerProcess("lines_app:app", *arm.options, "--shards", "1", *mounts) as server:
        yield server


def ask(server: ServerProcess, target: str, *lines: str, method: str = "GET") -> Answer:
    with RawClient(server) as client:
        return client.request(method, target, *lines).answer(method)


def test_a_file_comes_with_its_type_and_validators(server: ServerProcess) -> None:
    answer = ask(server, "/static/index.html")
    assert (answer.status, answer.body) == (200, PAGE)
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert answer.header("last-modified") == MODIFIED
    assert answer.header("accept-ranges") == "bytes"
    assert answer.header("cache-control") is None
    etag = answer.header("etag")
    assert etag == f'"{MODIFIED_S * 10**9:x}-{len(PAGE):x}"'


@pytest.mark.parametrize("name", ["index.html", "large.bin", "empty.txt"])
def test_head_says_what_get_says(server: ServerProcess, name: str) -> None:
    get, head = (ask(server, f"/static/{name}", method=method) for method in ("GET", "HEAD"))
    said = [[line for line in one.headers if line[0] != "date"] for one in (get, head)]
    assert said[0] == said[1]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(server: ServerProcess, method: str) -> None:
    answer = ask(server, "/static/index.html", method=method)
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "missing.txt",
        "..%2froot%2fapp.js",
        "../root/app.js",
        "%2e%2e/root/app.js",
        "docs/../app.js",
        "docs//index.html",
        "%2fetc/hostname",
        "app.js%00.txt",
        "..%5croot%5capp.js",
        ".env",
        "%2eenv",
        ".git/config",
        "out/secret.txt",
        "out.txt",
        "pipe",
        "bare",
        "bare/",
        "app.js/",
        "app.js/x",
        "x" * 300,
    ],
)
def test_what_must_not_be_sent_is_not_found(server: ServerProcess, path: str) -> None:
    answer = ask(server, f"/static/{path}")
    assert (answer.status, answer.body) == (404, b"Not Found")


def test_links_within_the_directory_and_well_known_files_are_served(server: ServerProcess) -> None:
    assert ask(server, "/static/within.js").body == SCRIPT
    assert ask(server, "/static/.well-known/security.txt").body == b"contact"
    assert ask(server, "/static/with%20space.txt").body == b"space"


def test_options_of_a_mount_show_what_others_hide(server: ServerProcess) -> None:
    assert ask(server, "/cached/.env").body == b"secret"
    assert ask(server, "/out/secret.txt").body == b"secret"
    assert ask(server, "/cached/app.js").header("cache-control") == "public, max-age=60"
    assert ask(server, "/cached/index.html").header("cache-control") == "no-cache"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/static", "./static/"),
        ("/static?a=b", "./static/?a=b"),
        ("/static/docs", "./docs/"),
        ("/static/docs?next=//evil", "./docs/?next=//evil"),
    ],
)
def test_a_directory_is_sent_to_its_slash(server: ServerProcess, path: str, location: str) -> None:
    answer = ask(server, path)
    assert (answer.status, answer.header("location")) == (301, location)


def test_a_directory_is_its_index(server: ServerProcess) -> None:
    assert ask(server, "/static/").body == PAGE
    assert ask(server, "/static/docs/").body == b"docs"
    assert ask(server, "/").body == PAGE


@pytest.mark.parametrize(
    ("accepted", "coding", "body"),
    [
        ("", None, SCRIPT),
        ("gzip", "gzip", b"gzip bytes"),
        ("gzip, deflate, br, zstd", "br", b"brotli bytes"),
        ("br;q=0.1, gzip;q=0.2", "gzip", b"gzip bytes"),
        ("zstd", None, SCRIPT),
        ("*;q=0", None, SCRIPT),
    ],
)
def test_compressed_siblings_are_sent_to_clients_that_take_them(
    server: ServerProcess, accepted: str, coding: str | None, body: bytes
) -> None:
    answer = ask(server, "/static/app.js", f"accept-encoding: {accepted}")
    assert (answer.header("content-encoding"), answer.body) == (coding, body)
    assert answer.header("content-type") == "text/javascript; charset=utf-8"
    assert answer.header("vary") == "accept-encoding"
    etag = answer.header("etag")
    assert etag is not None and etag.endswith(f'-{coding}"') == (coding is not None)
    again = ask(server, "/static/app.js", f"accept-encoding: {accepted}", f"if-none-match: {etag}")
    assert (again.status, again.header("etag")) == (304, etag)
    assert again.header("vary") == "accept-encoding"


@pytest.mark.parametrize("name", ["app.js", "large.bin"])
def test_ranges_are_parts_of_the_file(server: ServerProcess, name: str) -> None:
    whole = {"app.js": SCRIPT, "large.bin": LARGE}[name]
    size = len(whole)
    for spec, part in [
        ("0-0", slice(0, 1)),
        ("100-199", slice(100, 200)),
        (f"{size - 5}-", slice(size - 5, None)),
        ("-7", slice(size - 7, None)),
        (f"10-{size + 10}", slice(10, None)),
    ]:
        answer = ask(server, f"/static/{name}", f"range: bytes={spec}")
        start, end, _ = part.indices(size)
        assert (answer.status, answer.body) == (206, whole[part])
        assert answer.header("content-range") == f"bytes {start}-{end - 1}/{size}"
    answer = ask(server, f"/static/{name}", f"range: bytes={size}-")
    assert (answer.status, answer.header("content-range")) == (416, f"bytes */{size}")
    answer = ask(server, f"/static/{name}", "range: bytes=0-1,4-5")
    assert (answer.status, answer.body) == (200, whole)


def test_conditions_are_looked_at(server: ServerProcess) -> None:
    path = "/static/large.bin"
    etag = ask(server, path, method="HEAD").header("etag")
    for line, status in [
        (f"if-none-match: {etag}", 304),
        (f"if-none-match: W/{etag}", 304),
        ('if-none-match: "other"', 200),
        (f"if-modified-since: {MODIFIED}", 304),
        ("if-modified-since: Tue, 14 Nov 2023 22:13:19 GMT", 200),
        (f"if-match: {etag}", 200),
        ('if-match: "other"', 412),
        ("if-unmodified-since: Tue, 14 Nov 2023 22:13:19 GMT", 412),
    ]:
        assert ask(server, path, line).status == status, line
    for validator, status in [(etag, 206), (MODIFIED, 206), ('"other"', 200)]:
        answer = ask(server, path, "range: bytes=0-9", f"if-range: {validator}")
        assert answer.status == status, validator


def test_a_single_page_has_every_path_that_looks_like_a_page(server: ServerProcess) -> None:
    for path in ("/site/users/7", "/site/a/b/"):
        assert ask(server, path, "accept: */*").body == PAGE
        assert ask(server, path).body == PAGE
    assert ask(server, "/site/assets/gone.js").status == 404
    assert ask(server, "/site/users/7", "accept: application/json").status == 404
    assert ask(server, "/site/../users").status == 404


def test_what_is_no_file_passes_to_the_app(server: ServerProcess) -> None:
    assert ask(server, "/whole", "accept: */*").body != PAGE
    assert ask(server, "/users", "accept: text/html,*/*;q=0.8").body == PAGE
    assert ask(server, "/nowhere").body == b'{"detail":"Not Found"}'
    assert ask(server, "/app.js", method="POST").body == b'{"detail":"Not Found"}'
    assert ask(server, "/app.js").body == SCRIPT


def test_a_connection_goes_on_after_each_kind_of_answer(server: ServerProcess) -> None:
    with RawClient(server) as client:
        for path, status in [
            ("/static/app.js", 200),
            ("/static/large.bin", 200),
            ("/static/gone", 404),
            ("/static/docs", 301),
            ("/static/large.bin", 200),
        ]:
            assert client.get(path).answer().status == status
        for _ in range(5):
            client.get("/static/large.bin")
            client.get("/static/app.js")
        for _ in range(5):
            assert client.answer().body == LARGE
            assert client.answer().body == SCRIPT


def test_a_change_is_seen(server: ServerProcess, root: Path) -> None:
    path = root / "changing.txt"
    path.write_text("first")
    assert ask(server, "/static/changing.txt").body == b"first"
    path.write_text("second")
    wait_until(lambda: ask(server, "/static/changing.txt").body == b"second", "the change")
    (root / "changing.txt.gz").write_bytes(b"packed")

    def packed() -> bool:
        return ask(server, "/static/changing.txt", "accept-encoding: gzip").body == b"packed"

    wait_until(packed, "the compressed sibling")
    (root / "changing.txt.gz").unlink()
    path.unlink()
    wait_until(lambda: ask(server, "/static/changing.txt").status == 404, "the end")


def test_a_client_that_does_not_read_holds_nobody(server: ServerProcess) -> None:
    slow = server.connect()
    slow.sendall(b"GET /static/large.bin HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
    with slow:
        assert ask(server, "/static/large.bin").body == LARGE
        assert ask(server, "/static/app.js").body == SCRIPT


def test_a_file_that_becomes_shorter_ends_its_connection_only(
    server: ServerProcess, root: Path
) -> None:
    path = root / "shrinking.bin"
    # More than all the buffers on the way hold.
    with path.open("wb") as file:
        file.truncate(64 * 1024**2)
    with RawClient(server) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        client.get("/static/shrinking.bin")
        _, status, _ = client.head()
        assert status == 200
        os.truncate(path, 1024)
        with pytest.raises(CutShort):
            client.take(64 * 1024**2)
    assert ask(server, "/static/app.js").body == SCRIPT
    path.unlink()


def test_many_clients_that_leave_in_the_middle_leave_nothing_open(
    server: ServerProcess, root: Path
) -> None:
    def open_files() -> int:
        links = [
            link
            for pid in server.serving_pids
            for link in Path(f"/proc/{pid}/fd").iterdir()
            if os.path.lexists(link) and os.readlink(link).endswith("large.bin")
        ]
        return len(links)

    for _ in range(30):
        connection = server.connect()
        connection.sendall(b"GET /static/large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.recv(100)
        connection.close()
    wait_until(lambda: open_files() == 0, "all files to be closed")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("/static", "is not PREFIX=DIR"),
        ("static=.", "is not PREFIX=DIR"),
        ("/static=", "is not PREFIX=DIR"),
        ("/static=missing-directory", "there is no directory 'missing-directory'"),
        ("/static=.,spam", "'spam' is not an option of a directory"),
        ("/static=.,max-age=soon", "max-age=soon is not a number of seconds"),
        ("/static=.,max-age=1,immutable", "contradict each other"),
        ("/a//b=.", "a segment that no path keeps"),
        ("/a/..=.", "a segment that no path keeps"),
    ],
)
def test_a_directory_that_cannot_be_served_is_one_line_and_status_2(
    text: str, complaint: str, tmp_path: Path
) -> None:
    done = run_command("lines_app:app", "--port", "0", "--static", text, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"--static: {complaint}" in done.stderr or (
        "--static: " in done.stderr and complaint in done.stderr
    )


def test_two_directories_below_one_prefix_are_refused(tmp_path: Path) -> None:
    options = ("--static", "/a=.", "--static", "/a/=.")
    done = run_command("lines_app:app", "--port", "0", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert "have the same prefix" in done.stderr


def test_within_a_second_a_file_is_what_it_was(server: ServerProcess, root: Path) -> None:
    """So a hot file costs no look at the disk. Tried again where this machine needs longer than that second."""
    path = root / "hot.txt"
    for _ in range(20):
        path.write_text("hot")
        began = time.monotonic()
        assert ask(server, "/static/hot.txt").status == 200
        path.unlink()
        status = ask(server, "/static/hot.txt").status
        if time.monotonic() - began < 1:
            break
    else:
        pytest.fail("two requests took more than a second each time")
    assert status == 200
    wait_until(lambda: ask(server, "/static/hot.txt").status == 404, "the removal")
