"""Files that a native app mounts (StaticFiles)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arms import Arm
from raw_http import Answer, RawClient
from server_process import ServerProcess
from turbo_shard import App, RegistrationError, StaticFiles


@pytest.fixture(scope="module")
def server(arm: Arm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    root = tmp_path_factory.mktemp("mounted")
    (root / "index.html").write_text("page")
    (root / "a.txt").write_text("file")
    (root / "taken").write_text("file")
    (root / ".env").write_text("secret")
    variables = {"MOUNTED": str(root)}
    options = (*arm.options, "--shards", "1")
    with ServerProcess("mounted_app:app", *options, variables=variables) as server:
        yield server


def ask(server: ServerProcess, target: str, *lines: str, method: str = "GET") -> Answer:
    with RawClient(server) as client:
        return client.request(method, target, *lines).answer(method)


def test_files_are_served_below_their_prefix(server: ServerProcess) -> None:
    answer = ask(server, "/files/a.txt")
    assert (answer.status, answer.body) == (200, b"file")
    assert answer.header("cache-control") == "public, max-age=60"
    etag = answer.header("etag")
    assert ask(server, "/files/a.txt", f"if-none-match: {etag}").status == 304
    assert ask(server, "/files/a.txt", "range: bytes=1-2").body == b"il"
    assert ask(server, "/files", "accept: text/html").header("location") == "./files/"


def test_what_is_no_file_is_a_path_without_a_route(server: ServerProcess) -> None:
    for target, method in [
        ("/files/gone", "GET"),
        ("/files/.env", "GET"),
        ("/files/../a.txt", "GET"),
        ("/files/a.txt", "POST"),
        ("/elsewhere", "GET"),
    ]:
        answer = ask(server, target, method=method)
        assert (answer.status, answer.body) == (404, b'{"detail":"Not Found"}'), target


def test_routes_go_before_files(server: ServerProcess) -> None:
    assert ask(server, "/files/taken").body == b"route"
    assert ask(server, "/files/taken", method="POST").status == 405


def test_a_single_page_has_paths_that_browsers_go_to(server: ServerProcess) -> None:
    assert ask(server, "/site/users/7", "accept: text/html").body == b"page"
    assert ask(server, "/site/users/7", "accept: application/json").status == 404


def test_what_cannot_be_mounted_is_refused(tmp_path: Path) -> None:
    app = App()
    files = StaticFiles(tmp_path)
    app.mount("/a", files)
    with pytest.raises(RegistrationError, match="mounted at '/a' already"):
        app.mount("/a/", files)
    with pytest.raises(RegistrationError, match="begins with a slash"):
        app.mount("a", files)
    with pytest.raises(RegistrationError, match="takes StaticFiles, not str"):
        app.mount("/b", str(tmp_path))  # type: ignore[arg-type]
    with pytest.raises(RegistrationError, match="there is no directory"):
        StaticFiles(tmp_path / "gone")
    with pytest.raises(RegistrationError, match="whole number of seconds"):
        StaticFiles(tmp_path, max_age=-1)
    with pytest.raises(RegistrationError, match="contradict each other"):
        StaticFiles(tmp_path, max_age=1, immutable=True)
