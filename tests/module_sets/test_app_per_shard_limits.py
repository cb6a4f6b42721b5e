"""How often the user's modules are imported, and apps that cannot have an instance per shard, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from refused_apps import error_line, traceback_and_line, write
from server_process import ServerProcess, run_command

PER_SHARD = ("--shards", "2", "--app-per-shard", "always")

# Once is enough.

COUNTED = """\
import os
from turbo_shard import App
with open(os.environ["IMPORTS"], "a") as file:
    file.write("imported\\n")
app = App()
app.get("/")(lambda: "here")
"""


@pytest.mark.parametrize(
    ("options", "imports"),
    [
        (("--shards", "1", "--app-per-shard", "always"), 1),
        (("--shards", "3", "--app-per-shard", "always"), 3),
        (("--shards", "3"), 1),
        (("--shards", "3", "--app-per-shard", "never"), 1),
    ],
)
def test_modules_are_imported_as_often_as_needed(
    tmp_path: Path, options: tuple[str, ...], imports: int
) -> None:
    write(tmp_path, "app.py", COUNTED)
    record = tmp_path / "imports"
    variables = {"IMPORTS": str(record)}
    with ServerProcess("app:app", *options, app_dir=tmp_path, variables=variables):
        assert record.read_text() == "imported\n" * imports


# What cannot be.


@pytest.mark.parametrize(
    ("app", "options"),
    [("app", PER_SHARD), ("asgi", PER_SHARD), ("asgi", (*PER_SHARD, "--mode", "steal"))],
)
def test_shard_whose_import_fails_is_named(
    tmp_path: Path, app: str, options: tuple[str, ...]
) -> None:
    write(
        tmp_path,
        "app.py",
        """\
        import threading
        from turbo_shard import App
        app = App()
        async def asgi(scope, receive, send): ...
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("once only")
        """,
    )
    run = run_command(f"app:{app}", "--app-dir", str(tmp_path), "--port", "0", *options)
    assert run.returncode == 2
    assert "turbo-shard ready" not in run.stderr
    lines = run.stderr.splitlines()
    mode = "--mode steal" if "steal" in options else "--app-per-shard always"
    assert lines[-1] == (
        f"turbo-shard: error: no instance of app:{app} for shard 1: importing 'app' failed: ValueError: once only; "
        "--mode process (a process of its own for each) and --shards 1 (one for all) serve it as it is "
        f"({mode} was asked for)"
    )
    assert f'  File "{tmp_path}/app.py", line 6, in <module>' in lines
    assert "turbo_shard/" not in run.stderr


def test_django_is_imported_once_and_says_why(tmp_path: Path) -> None:
    write(tmp_path, "django/__init__.py", "")
    write(tmp_path, "django/apps.py", "class apps:\n    ready = True\n")
    write(tmp_path, "app.py", "import django.apps\nfrom turbo_shard import App\napp = App()\n")
    run = run_command("app:app", "--app-dir", str(tmp_path), "--port", "0", *PER_SHARD)
    assert run.returncode == 2
    assert run.stderr == (
        "turbo-shard: error: --app-per-shard always: Django keeps one registry of models per process, "
        "so all shards share one instance\n"
    )


def test_native_app_is_shared_by_threads_that_steal(tmp_path: Path) -> None:
    write(tmp_path, "app.py", COUNTED)
    options = (*PER_SHARD, "--mode", "steal")
    assert error_line(tmp_path, "app:app", *options, IMPORTS=str(tmp_path / "imports")) == (
        "--app-per-shard always: in mode steal any thread may take any request of a native app, "
        "so all threads share one instance"
    )


def test_object_that_is_the_same_each_time_is_shared_with_a_warning(tmp_path: Path) -> None:
    write(
        tmp_path,
        "venv/lib/site-packages/installed.py",
        "from turbo_shard import App\napp = App()\n",
    )
    write(
        tmp_path,
        "app.py",
        """\
        import os, sys
        sys.path.append(os.path.join(os.path.dirname(__file__), "venv/lib/site-packages"))
        from installed import app
        """,
    )
    with ServerProcess("app:app", *PER_SHARD, app_dir=tmp_path) as server:
        assert "warning: shard 1 shares the instance of shard 0" in server.log


def test_extension_that_switches_the_gil_on_in_a_later_import_is_refused(tmp_path: Path) -> None:
    write(
        tmp_path,
        "app.py",
        """\
        import sys, threading
        from turbo_shard import App
        app = App()
        if threading.current_thread() is not threading.main_thread():
            # Stands for what an extension module does to Python.
            sys._is_gil_enabled = lambda: True
        """,
    )
    _traceback, line = traceback_and_line(tmp_path, "app:app", *PER_SHARD)
    assert line.startswith("no instance of app:app for shard 1: the GIL is on")
