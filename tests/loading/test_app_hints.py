"""For a newcomer's mistakes of the first hour, the answer says what to write instead."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from refused_apps import error_line, traceback_and_line, write
from server_process import ServerProcess, run_command
from turbo_shard.settings import SettingsError, settings_from
from waiting import wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


FACTORY = "def create_app():\n    async def app(scope, receive, send): ...\n    return app\n"


@pytest.mark.parametrize("named", ["site1", "site1:app"])
def test_module_that_only_makes_apps_leads_to_factory(folder: Path, named: str) -> None:
    write(folder, "site1.py", FACTORY)
    line = error_line(folder, named)
    assert line.endswith(
        "; it has the function create_app, which seems to make the app: turbo-shard site1:create_app --factory"
    )


def test_what_the_hint_says_serves(folder: Path) -> None:
    write(folder, "site1.py", FACTORY)
    with ServerProcess("site1:create_app", "--factory", "--shards", "1", app_dir=folder) as server:
        assert "(ASGI)" in server.log


def test_app_beside_a_factory_is_the_better_hint(folder: Path) -> None:
    write(folder, "site1.py", FACTORY + "site = create_app()\n")
    write(folder, "site2.py", "from turbo_shard import App\n" + FACTORY + "site = App()\n")
    assert error_line(folder, "site2").endswith("; it has the app site2:site")


@pytest.mark.parametrize(
    ("modules", "told"), [(("asgi", "wsgi"), "asgi"), (("wsgi",), "wsgi"), (("asgi",), "asgi")]
)
def test_bare_name_of_a_django_project_leads_to_its_app(
    folder: Path, modules: tuple[str, ...], told: str
) -> None:
    (folder / "mysite").mkdir()
    for name in ("__init__", "settings", *modules):
        write(folder, f"mysite/{name}.py", "")
    assert error_line(folder, "mysite").endswith(
        f"; the app of a Django project is in its module {told}: mysite.{told}:application"
    )


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("0.0.0.0:8080", "--host 0.0.0.0 --port 8080"),
        ("localhost:80", "--host localhost --port 80"),
        ("[::1]:8080", "--host ::1 --port 8080"),
        ("http://127.0.0.1:5000/", "--host 127.0.0.1 --port 5000"),
        ("http://example.test", "--host example.test"),
    ],
)
def test_host_with_a_port_leads_to_both_options(host: str, named: str) -> None:
    with pytest.raises(SettingsError) as raised:
        settings_from({"host": host}, {"host": "--host"})
    assert str(raised.value) == f"--host: {host!r} is more than an address; write {named}"


@pytest.mark.parametrize("host", ["::", "::1", "fe80::1", "0.0.0.0", "localhost", "[::1]"])
def test_address_alone_is_no_mistake(host: str) -> None:
    assert settings_from({"host": host}).host == host


is_3_13t = sys.version_info[:2] == (3, 13)


def test_missing_fastapi_is_told_with_the_pydantic_that_can_be_installed(folder: Path) -> None:
    # As in a fresh environment, where the framework itself is missing.
    write(
        folder,
        "site1.py",
        "raise ModuleNotFoundError(\"No module named 'fastapi'\", name='fastapi')\n",
    )
    _, line = traceback_and_line(folder, "site1")
    assert line.startswith(
        "importing 'site1' failed: ModuleNotFoundError: No module named 'fastapi'"
    )
    assert ("pip install fastapi 'pydantic==2.12.3'" in line) is is_3_13t


def test_other_missing_packages_are_told_as_they_are(folder: Path) -> None:
    write(folder, "site1.py", "import no_such_package\n")
    _, line = traceback_and_line(folder, "site1")
    assert line.endswith("ModuleNotFoundError: No module named 'no_such_package'")


def test_doctor_speaks_of_pydantic_where_pip_needs_help() -> None:
    assert (" pydantic " in run_command("doctor").stdout) is is_3_13t


HOLDS = """\
import time

async def app(scope, receive, send):
    if scope["type"] == "http":
        await receive()
        time.sleep(0.12)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
"""


def test_first_request_that_is_slow_is_not_held_against_the_app(folder: Path) -> None:
    write(folder, "site1.py", HOLDS)
    with ServerProcess("site1:app", "--shards", "1", app_dir=folder) as server:
        with server.client() as client:
            assert client.get("/first").text == "ok"
            assert "held its shard" not in server.log
            assert client.get("/second").text == "ok"
        wait_until(lambda: "held its shard" in server.log, "the line about the second request")
        [line] = [line for line in server.lines if "held its shard" in line]
        assert "/second" in line


def test_body_over_the_bound_is_told_with_the_option(folder: Path) -> None:
    write(folder, "site1.py", HOLDS.replace("time.sleep(0.12)", ""))
    with ServerProcess("site1:app", "--shards", "1", "--body-max", "1K", app_dir=folder) as server:
        with server.client() as client:
            assert client.post("/upload", content=b"x" * 1025).status_code == 413
        wait_until(lambda: "--body-max is 1 KiB" in server.log, "the line about the bound")
