"""The stats socket: what it answers in every mode, which paths it takes, and what `turbo-shard stats` shows."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from arms import Arm
from places import COMMAND, EXAMPLES
from raw_http import RawClient
from server_process import ServerProcess, environment, run_command
from turbo_shard.metrics.client import StatsUnreadable, read_answer
from turbo_shard.metrics.counters import SHARD_ROWS, THREAD_ROWS
from waiting import wait_until

# Scrapers rely on these; a counter may be added.
ROW = {
    "shard",
    "core",
    "pid",
    "connections_open",
    "connections_accepted",
    "requests",
    "busy_us",
    "handler_panics",
    "restarts",
}


@pytest.fixture
def directory() -> Iterator[Path]:
    """Short: a socket's path has at most 107 bytes, and pytest's own directories may be longer."""
    with TemporaryDirectory(prefix="ts-") as path:
        yield Path(path)


def served(path: Path, *options: str) -> ServerProcess:
    given = ("--stats-socket", str(path), *options)
    return ServerProcess("multi_route_app:app", *given, app_dir=EXAMPLES)


def refused(path: Path | str) -> str:
    run = run_command(
        "multi_route_app:app",
        "--app-dir",
        str(EXAMPLES),
        "--port",
        "0",
        "--stats-socket",
        str(path),
    )
    assert (run.returncode, run.stderr.count("\n")) == (2, 1), run.stderr
    return run.stderr


def dead_socket(path: Path) -> None:
    """What a killed server leaves behind."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))


def test_answer_is_one_line_with_all_there_is_to_know(arm: Arm, directory: Path) -> None:
    path = directory / "stats"
    with served(path, *arm.options, "--shards", "2") as server:
        with RawClient(server) as raw:
            for _ in range(5):
                raw.get("/health").answer()
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                text = b"".join(iter(lambda: client.recv(65536), b""))
            assert text.endswith(b"}\n")
            assert text.count(b"\n") == 1
            answer = json.loads(text)
        assert (answer["schema"], answer["mode"], answer["engine"]) == (1, arm.mode, arm.engine)
        assert answer["pid"] == server.pid
        assert answer["addresses"] == [f"127.0.0.1:{server.port}"]
        assert answer["uptime_us"] > 0
        assert answer["python"].startswith("3.")
        assert answer["gil_enabled"] is False
        rows = answer["shards"]
        assert [row["shard"] for row in rows] == ([0] if arm.mode == "steal" else [0, 1])
        declared = {counter.name for counter in SHARD_ROWS}
        assert all(set(row) == {"shard", "core", "pid"} | declared for row in rows)
        assert declared >= ROW - {"shard", "core", "pid"}
        pids = {row["pid"] for row in rows}
        if arm.mode == "process":
            assert len(pids) == 2 and server.pid not in pids
        else:
            assert pids == {server.pid}
        assert sum(row["requests"] for row in rows) == 5
        assert sum(row["connections_open"] for row in rows) == 1
        assert set(answer["gc"]) == {"collections", "pause_us_total", "pause_us_max"}
        if arm.mode == "steal":
            workers = answer["workers"]
            assert sum(row["requests"] for row in workers) == 5
            assert [row["worker"] for row in workers] == list(range(len(workers)))
            of_threads = {counter.name for counter in THREAD_ROWS}
            assert all(set(row) == {"worker"} | of_threads for row in workers)
            assert of_threads >= {"requests", "busy_us", "handler_panics"}
            assert not any(name.startswith("connections") for name in of_threads)
        else:
            assert "workers" not in answer
    assert not path.exists(), "removed at the end"


def test_workers_sockets_that_do_not_fit_are_refused_with_what_to_do(directory: Path) -> None:
    deep = directory / ("x" * 80)
    deep.mkdir()
    run = run_command(
        "multi_route_app:app",
        *("--app-dir", str(EXAMPLES), "--port", "0", "--mode", "process"),
        *("--stats-socket", str(directory / "stats")),
        TMPDIR=str(deep),
    )
    assert (run.returncode, run.stderr.count("\n")) == (2, 1), run.stderr
    assert "set TMPDIR to a shorter path" in run.stderr
    assert list(deep.iterdir()) == []


def test_only_the_owner_may_ask(directory: Path) -> None:
    with served(directory / "stats"):
        assert stat.S_IMODE((directory / "stats").stat().st_mode) == 0o600


def test_environment_names_the_socket_too(directory: Path) -> None:
    path = directory / "stats"
    variables = {"TURBO_SHARD_STATS_SOCKET": str(path)}
    with ServerProcess("multi_route_app:app", app_dir=EXAMPLES, variables=variables):
        assert read_answer(str(path))["schema"] == 1


def test_collections_and_their_pauses_are_counted(arm: Arm, directory: Path) -> None:
    (directory / "collecting.py").write_text(
        "import gc\n"
        "from turbo_shard import App, gc_stats\n"
        "app = App()\n"
        "@app.get('/collect')\n"
        "def collect():\n"
        "    gc.collect()\n"
        "    return gc_stats()\n"
    )
    path = directory / "stats"
    options = (*arm.options, "--shards", "1", "--stats-socket", str(path))
    with ServerProcess("collecting:app", *options, app_dir=directory) as server:
        before = read_answer(str(path))["gc"]["collections"]
        with RawClient(server) as raw:
            for _ in range(3):
                seen = json.loads(raw.get("/collect").answer().body)
        after = read_answer(str(path))["gc"]
    assert after["collections"] >= before + 3
    assert after["collections"] >= seen["collections"] >= 3
    assert 0 < after["pause_us_max"] <= after["pause_us_total"]


def other_threads(server: ServerProcess) -> dict[str, int]:
    """How often each thread that a server without the socket lacks has gone to sleep."""
    found = {}
    for status in Path(f"/proc/{server.pid}/task").glob("*/status"):
        fields = dict(
            line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line
        )
        if fields["Pid"] != str(server.pid) and not fields["Name"].startswith(
            ("shard-", "supervisor", "signals", "log")
        ):
            found[fields["Pid"]] = int(fields["voluntary_ctxt_switches"])
    return found


def test_thread_of_the_socket_wakes_for_nobody_else(directory: Path) -> None:
    path = directory / "stats"
    with served(path, "--engine", "tokio", "--shards", "1") as server:
        wait_until(lambda: len(other_threads(server)) == 1, "the thread")
        asked = other_threads(server)
        read_answer(str(path))
        # Once it has slept again since it was asked, it is back to sleep.
        before = wait_until(
            lambda: other_threads(server) if other_threads(server) != asked else None,
            "the thread to sleep again",
        )
        with RawClient(server) as raw:
            for _ in range(300):
                raw.get("/users/7").answer()
        (pid,) = before
        # It may have been on its way to sleep when it was looked at.
        assert other_threads(server)[pid] <= before[pid] + 2
    with (
        served(directory / "unused", "--shards", "1", "--engine", "tokio") as with_socket,
        ServerProcess(
            "multi_route_app:app", "--shards", "1", "--engine", "tokio", app_dir=EXAMPLES
        ) as without,
    ):
        assert len(other_threads(without)) == len(other_threads(with_socket)) - 1


def test_client_that_does_not_read_is_not_waited_for_long(directory: Path) -> None:
    path = directory / "stats"
    with served(path), socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(path))
        assert read_answer(str(path))["schema"] == 1


def test_dead_servers_socket_is_replaced(directory: Path) -> None:
    path = directory / "stats"
    killed = served(path).start()
    killed.signal(signal.SIGKILL)
    killed.wait()
    assert path.exists()
    with served(path) as successor:
        assert read_answer(str(path))["pid"] == successor.pid


def test_live_servers_socket_is_left_alone(directory: Path) -> None:
    path = directory / "stats"
    with served(path) as server:
        assert "another server listens there" in refused(path)
        assert read_answer(str(path))["pid"] == server.pid


def test_socket_that_is_somebody_elses_by_now_is_not_removed(directory: Path) -> None:
    path = directory / "stats"
    with served(path):
        path.unlink()
        dead_socket(path)
    assert path.exists()


def test_what_is_no_socket_is_refused_and_stays(directory: Path) -> None:
    (directory / "notes").write_text("mine")
    assert "exists and is no socket" in refused(directory / "notes")
    assert (directory / "notes").read_text() == "mine"
    (directory / "link").symlink_to("nowhere")
    assert "exists and is no socket" in refused(directory / "link")
    assert "exists and is no socket" in refused(directory)


def test_path_without_a_directory_is_refused(directory: Path) -> None:
    assert f"there is no directory '{directory}/none'" in refused(directory / "none" / "stats")


def test_path_that_is_too_long_is_refused_with_the_bound(directory: Path) -> None:
    name = "ä" * ((108 - len(os.fsencode(directory)) - 1) // 2 + 1)
    assert "a Unix socket's may have 107" in refused(directory / name)
    longest = "x" * (107 - len(os.fsencode(directory)) - 1)
    with served(directory / longest):
        assert read_answer(str(directory / longest))["schema"] == 1


def test_server_that_cannot_start_leaves_no_socket(directory: Path) -> None:
    with served(directory / "first") as server:
        run = run_command(
            "multi_route_app:app",
            *("--app-dir", str(EXAMPLES), "--port", str(server.port)),
            *("--stats-socket", str(directory / "second")),
        )
    assert run.returncode == 2
    assert "in use" in run.stderr
    assert not (directory / "second").exists()


def test_command_shows_a_row_for_each_shard(arm: Arm, directory: Path) -> None:
    path = directory / "stats"
    with served(path, *arm.options, "--shards", "2") as server, RawClient(server) as raw:
        raw.get("/health").answer()
        run = run_command("stats", str(path))
    assert (run.returncode, run.stderr) == (0, "")
    head = run.stdout.splitlines()[0]
    place = f"at 127.0.0.1:{server.port}"
    assert head.startswith(f"mode {arm.mode} on {arm.engine}, pid {server.pid}, {place}, up ")
    assert "requests/s" in run.stdout
    assert "garbage collector: " in run.stdout
    if arm.mode != "steal":
        assert [line.split()[0] for line in run.stdout.splitlines()[4:6]] == ["0", "1"]
    else:
        assert "connections: 1 open, 1 accepted" in run.stdout


def test_command_prints_the_servers_json(directory: Path) -> None:
    with served(directory / "stats") as server:
        run = run_command("stats", "--json", str(directory / "stats"))
    assert json.loads(run.stdout)["pid"] == server.pid


def test_command_watches_until_the_server_has_gone(directory: Path) -> None:
    path = directory / "stats"
    with served(path):
        watching = subprocess.Popen(
            [str(COMMAND), "stats", str(path), "--json", "--watch", "0.05"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert watching.stdout is not None
        seen: list[dict[str, Any]] = [json.loads(watching.stdout.readline()) for _ in range(3)]
        assert seen[0]["uptime_us"] < seen[1]["uptime_us"] < seen[2]["uptime_us"]
    _, errors = watching.communicate(timeout=30)
    assert watching.returncode == 1
    assert errors.startswith("turbo-shard: error: there is no socket")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "which server? Name its socket"),
        (("a", "b"), "'b' is one argument too many"),
        (("a", "--watch", "0"), "--watch: 0 seconds is out of range"),
        (("a", "--json=1"), "--json takes no value"),
        (
            ("missing",),
            "there is no socket 'missing'; start the server with --stats-socket missing",
        ),
    ],
)
def test_command_refuses_in_one_line(arguments: tuple[str, ...], line: str) -> None:
    run = run_command("stats", *arguments)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert line in run.stderr


def test_help_of_the_command_says_what_it_takes() -> None:
    run = run_command("stats", "--help")
    assert run.returncode == 0
    assert "--watch SECONDS" in run.stdout


def test_what_is_no_stats_socket_is_said_to_be_none(directory: Path) -> None:
    dead_socket(directory / "dead")
    with pytest.raises(StatsUnreadable, match="any more"):
        read_answer(str(directory / "dead"))
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(directory / "silent"))
        silent.listen(1)
        with pytest.raises(StatsUnreadable, match=r"does not answer within 0\.01 s"):
            read_answer(str(directory / "silent"), timeout_s=0.01)


def test_worker_that_was_started_again_is_asked_where_it_listens_now(directory: Path) -> None:
    path = directory / "stats"
    with served(path, "--mode", "process", "--shards", "2"):
        first = read_answer(str(path))["shards"]
        os.kill(first[0]["pid"], signal.SIGKILL)

        def successor() -> bool:
            rows = read_answer(str(path))["shards"]
            return [row["shard"] for row in rows] == [0, 1] and rows[0]["pid"] != first[0]["pid"]

        wait_until(successor, "the successor's counters")
        rows = read_answer(str(path))["shards"]
        assert [row["restarts"] for row in rows] == [1, 0]
        assert rows[1]["pid"] == first[1]["pid"]
    assert not path.exists()


def test_workers_that_do_not_answer_are_waited_for_together(directory: Path) -> None:
    path = directory / "stats"
    with served(path, "--mode", "process", "--shards", "4"):
        pids = {row["shard"]: row["pid"] for row in read_answer(str(path))["shards"]}
        stopped = [pids[number] for number in (0, 1, 3)]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            # One after another they would take longer than the reader's patience.
            rows = read_answer(str(path))["shards"]
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        assert [(row["shard"], row["pid"]) for row in rows] == [(2, pids[2])]
