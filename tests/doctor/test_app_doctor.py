"""`turbo-shard doctor APP`: says what would happen to an app at its start, without serving it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refused_apps import write
from server_process import ServerProcess, run_command
from shard_apps import SHARDS, app_of

KEEPER = """\
names = []
def register(name):
    if name in names:
        raise ValueError(f"{name} is there already")
    names.append(name)
"""


def findings(folder: Path, app: str, *options: str, status: int = 0) -> dict[str, tuple[str, str]]:
    """Verdict and detail by name; of several of one name the last, and all of them joined."""
    run = run_command("doctor", app, "--json", "--app-dir", str(folder), *options)
    assert run.returncode == status, run.stderr + run.stdout
    found: dict[str, tuple[str, str]] = {}
    for finding in json.loads(run.stdout)["findings"]:
        before = found.get(finding["name"], ("", ""))[1]
        detail = " | ".join(filter(None, (before, finding["detail"])))
        found[finding["name"]] = (finding["verdict"], detail)
    return found


def test_instances_and_packages_are_told(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        "print('of the app')\nimport asked, holder, keeper, prometheus_client\n"
        "keeper.register('x')\ndef answer(path): ...\n",
        keeper=KEEPER,
        holder="import asked\n",
        asked="",
    )
    found = findings(tmp_path, "app:app", *SHARDS, "--own", "asked")
    assert found["app"][1].startswith("app:app (ASGI), imported in ")
    assert found["instances"] == ("ok", "one per shard; 2 take 2 imports")
    own = found["own package"][1].split(" | ")
    assert "asked: asked for by --own" in own
    assert "holder: holds something of those" in own
    assert "keeper: refused (ValueError: x is there already)" in own
    assert found["shared package"][1].startswith("prometheus_client: keeps the metrics")


def test_fallback_is_told_with_its_reason(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        "if threading.current_thread() is not threading.main_thread():\n"
        "    raise ValueError('once only')\ndef answer(path): ...\n",
    )
    verdict, detail = findings(tmp_path, "app:app", *SHARDS)["instances"]
    assert verdict == "warn"
    assert detail.startswith("one process per shard (--mode process), since there is no instance")
    refused = findings(tmp_path, "app:app", *SHARDS, "--balance", "least", status=1)
    assert refused["instances"][0] == "fail"
    assert "--shards 1" in refused["instances"][1]
    assert findings(tmp_path, "app:app", "--shards", "1")["instances"][0] == "ok"
    assert findings(tmp_path, "app:app", "--mode", "process")["instances"][0] == "ok"


def test_shared_app_and_gil_and_missing_app_are_told(tmp_path: Path) -> None:
    app_of(tmp_path, "def answer(path): ...\n")
    write(tmp_path, "native.py", "from turbo_shard import App\napp = App()\n")
    write(
        tmp_path, "gil.py", "import sys\nsys._is_gil_enabled = lambda: True\nfrom app import app\n"
    )
    assert findings(tmp_path, "native", *SHARDS)["instances"] == ("ok", "one for all 2 shards")
    verdict, detail = findings(tmp_path, "gil", *SHARDS, status=1)["app's GIL"]
    assert verdict == "fail"
    assert "--mode process" in detail and "--shards 1" in detail
    verdict, detail = findings(tmp_path, "nowhere", status=1)["app"]
    assert (verdict, "there is no module 'nowhere'" in detail) == ("fail", True)


SESSIONS = "import engineio.async_server\ndef answer(path): ...\n"


def test_sessions_in_memory_are_told_by_the_doctor_and_at_the_start(tmp_path: Path) -> None:
    app_of(tmp_path, SESSIONS, engineio="")
    write(tmp_path, "venv/lib/site-packages/engineio/async_server.py", "")
    verdict, detail = findings(tmp_path, "app:app", *SHARDS)["sessions"]
    assert verdict == "warn"
    assert detail.startswith("python-socketio keeps a client's session in one shard's memory")
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        (note,) = [line for line in server.lines if line.startswith("turbo-shard: note: python-")]
    assert note.endswith("such clients need --shards 1, or --steer address")
    with ServerProcess("app:app", *SHARDS, "--mode", "steal", app_dir=tmp_path) as server:
        (note,) = [line for line in server.lines if line.startswith("turbo-shard: note: python-")]
    assert note.endswith("such clients need --shards 1")
    for options in (("--shards", "1"), (*SHARDS, "--steer", "address")):
        assert "sessions" not in findings(tmp_path, "app:app", *options)
        with ServerProcess("app:app", *options, app_dir=tmp_path) as server:
            assert "python-socketio" not in server.log


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--app-per-shard", "always"), 1)])
def test_doctor_ends_though_a_thread_of_the_app_goes_on(
    tmp_path: Path, options: tuple[str, ...], status: int
) -> None:
    app_of(
        tmp_path,
        "threading.Thread(target=threading.Event().wait, name='of the app').start()\n"
        "if threading.current_thread() is not threading.main_thread():\n"
        "    raise ValueError('once only')\ndef answer(path): ...\n",
    )
    assert "instances" in findings(tmp_path, "app:app", *SHARDS, *options, status=status)


def test_banner_says_that_variables_are_each_instances_own(tmp_path: Path) -> None:
    app_of(tmp_path, "def answer(path): ...\n")
    words = "each instance has its own variables; what all clients share wants --shards 1, a database or a broker"
    for options, count in (
        (SHARDS, 1),
        ((*SHARDS, "--mode", "process"), 1),
        (("--shards", "1"), 0),
    ):
        with ServerProcess("app:app", *options, app_dir=tmp_path) as server:
            assert server.lines.count(f"  state   {words}") == count
