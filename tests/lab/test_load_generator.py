"""turbo-load as the package ships it, against the real server, and beside wrk: do they see the same server?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from places import EXAMPLES, ROOT
from server_process import ServerProcess, environment
from waiting import TIMEOUT_S

COMMAND = Path(sys.executable).parent / "turbo-load"
CONNECTIONS = 16
# Not a measure of speed: a generator that sends or counts nonsense is off by more than this.
RATE_RATIO_MIN, RATE_RATIO_MAX = 0.4, 2.5
TRIES_MAX = 5
USER = ("--path", "/users/{n}")
USER_BODY = '{"user_id":{n},"name":"User {n}","email":"user{n}@example.com"}'
# Long enough for apt-get, once.
WRK_TIMEOUT_S = 100


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    options = ("--mode", "shard", "--engine", "tokio", "--shards", "1")
    with ServerProcess("multi_route_app:app", *options, app_dir=EXAMPLES) as server:
        yield server


def run(
    *options: str, command: tuple[str, ...] = (str(COMMAND),)
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *options],
        env=environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    )


def load(server: ServerProcess, *options: str) -> dict[str, Any]:
    target = f"{server.host}:{server.port}"
    common = ("--target", target, "--connections", str(CONNECTIONS), "--seconds", "0.5")
    done = run(*common, *options)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def requests_counted(server: ServerProcess) -> int:
    """Counted by the server itself; this request is or is not among them, the same way each time."""
    with server.client() as client:
        return sum(shard["requests"] for shard in client.get("/stats").json()["shards"])


def wrk(server: ServerProcess) -> float:
    """Requests per second. Fails unless every answer was a 200."""
    options = ["-t", "1", "-c", str(CONNECTIONS), "-d", "1", f"{server.url}/users/1234"]
    done = subprocess.run(
        [str(ROOT / "scripts" / "wrk.sh"), *options],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=WRK_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # wrk reports either only when there were any.
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    rate = re.search(r"^Requests/sec: +([0-9.]+)$", done.stdout, re.MULTILINE)
    assert rate, done.stdout
    return float(rate[1])


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--rate", "500"),
        ("--rate", "500", "--arrivals", "constant", "--threads", "2"),
        ("--pipeline", "8"),
    ],
    ids=" ".join,
)
def test_turbo_load_counts_what_the_server_counts(
    server: ServerProcess, options: tuple[str, ...]
) -> None:
    before = requests_counted(server)
    report = load(server, *USER, "--expect-body", USER_BODY, *options)
    # And one of the two looks.
    assert requests_counted(server) - before == report["answers_checked"] + 1
    assert 0 < report["requests"] <= report["answers_checked"]


def test_a_mix_is_checked_route_by_route(server: ServerProcess, tmp_path: Path) -> None:
    mix = [
        {"weight": 3, "path": "/users/{n}", "expect_body": USER_BODY},
        {"weight": 1, "path": "/users/{n}x", "expect_any_body": True, "expect_status": 422},
    ]
    file = tmp_path / "mix.json"
    file.write_text(json.dumps(mix))
    report = load(server, "--mix", str(file), "--seed", "3")
    assert [route["path"] for route in report["by_route"]] == ["/users/{n}", "/users/{n}x"]
    assert sum(route["requests"] for route in report["by_route"]) == report["requests"]


def test_a_wrong_body_fails_the_run(server: ServerProcess) -> None:
    target = f"{server.host}:{server.port}"
    done = run("--target", target, *USER, "--expect-body", USER_BODY + " ")
    assert done.returncode == 3
    assert "bodies differ" in done.stderr


def test_the_module_is_the_command() -> None:
    command = (sys.executable, "-m", "turbo_shard_lab.load")
    assert run("--help", command=command).stdout == run("--help").stdout
    assert run("--help").stdout.startswith("turbo-load: ")
    refused = run("--target", "192.0.2.1:80", command=command)
    assert refused.returncode == 2 and "this machine" in refused.stderr


def test_serving_imports_nothing_of_the_lab() -> None:
    code = "import sys, turbo_shard, turbo_shard.cli.start; print([m for m in sys.modules if '.lab' in m])"
    done = run("-c", code, command=(sys.executable,))
    assert done.stdout.strip() == "[]", done.stderr


def test_wrk_and_turbo_load_see_the_same_server(server: ServerProcess) -> None:
    ratios = []
    for _ in range(TRIES_MAX):
        report = load(server, *USER, "--expect-body", USER_BODY)
        ratios.append(report["requests_per_second"] / wrk(server))
        if RATE_RATIO_MIN <= ratios[-1] <= RATE_RATIO_MAX:
            return
    raise AssertionError(f"turbo-load's rate over wrk's: {ratios}")
