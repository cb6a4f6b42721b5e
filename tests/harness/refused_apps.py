"""Apps in a folder of a test's own, and what the command says when it refuses one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from textwrap import dedent

from server_process import run_command

GOOD_APP = """\
from turbo_shard import App, Router

app = App()
router = Router()


@app.get("/")
def index():
    return {"it": "works"}


class Site:
    api = app


def make():
    return app


async def make_async():
    return app


def make_with(name):
    return app


def make_badly():
    raise ValueError("cannot make it\\nsecond line")


def make_nothing():
    return None
"""


def write(folder: Path, name: str, source: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(source))


def refused(
    folder: Path, app: str, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    run = run_command(app, "--app-dir", str(folder), "--port", "0", *options, **variables)
    assert run.returncode == 2, run.stderr
    assert run.stdout == ""
    assert run.stderr.splitlines()[-1].startswith("turbo-shard: error: "), run.stderr
    assert "importlib/" not in run.stderr
    assert "<frozen" not in run.stderr
    assert "turbo_shard/" not in run.stderr, "a frame of ours helps nobody"
    return run


def error_line(folder: Path, app: str, *options: str, **variables: str) -> str:
    """The only line that a refused app gets."""
    run = refused(folder, app, *options, **variables)
    assert run.stderr.count("\n") == 1, run.stderr
    return run.stderr.removeprefix("turbo-shard: error: ").rstrip("\n")


def traceback_and_line(folder: Path, app: str, *options: str) -> tuple[str, str]:
    """The user's traceback, and the line after it."""
    lines = refused(folder, app, *options).stderr.splitlines()
    return "\n".join(lines[:-1]), lines[-1].removeprefix("turbo-shard: error: ")
