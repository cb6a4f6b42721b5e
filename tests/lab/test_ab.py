"""`turbo-shard ab` as a person runs it: short, on the real server and the real load generator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from places import APPS, COMMAND
from server_process import environment, run_command
from turbo_shard_lab import results
from turbo_shard_lab.results import Results
from waiting import TIMEOUT_S, wait_until

APP = ("ab_app:app", "--app-dir", str(APPS))
# One round proves nothing (test_lab_statistics.py is for that), but takes only two seconds.
SHORT = ("--duration", "0.2", "--rounds", "1", "--arms", "shard,steal", "--quiet")
CLOSED = (*SHORT, "--connections", "4")
# A guard against hangs. Every round starts every arm's server once more: on a busy machine 15 of them take a minute.
COMMAND_TIMEOUT_S = 240

pytestmark = pytest.mark.timeout(COMMAND_TIMEOUT_S + 60)


def run_ab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_command("ab", *arguments, timeout_s=COMMAND_TIMEOUT_S)


def ab(*arguments: str, options: tuple[str, ...] = CLOSED) -> subprocess.CompletedProcess[str]:
    return run_ab(*APP, *arguments, *options)


def measured(file: Path, *arguments: str, options: tuple[str, ...] = CLOSED) -> Results:
    run = ab(*arguments, "--json", str(file), options=options)
    assert run.returncode == 0, run.stderr + run.stdout
    return results.read(file)


def error_of(run: subprocess.CompletedProcess[str], status: int) -> str:
    """The one line on stderr."""
    assert (run.returncode, run.stdout) == (status, ""), run.stdout + run.stderr
    assert run.stderr.startswith("turbo-shard: error: ") and run.stderr.count("\n") == 1, run.stderr
    return run.stderr.removeprefix("turbo-shard: error: ").rstrip("\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "results.json"


def test_a_comparison_ends_with_a_verdict(file: Path) -> None:
    options = ("--duration", "0.2", "--rounds", "5", "--connections", "4")
    arguments = ("--path", "/same", "--json", str(file))
    run = run_ab(*APP, *arguments, *options)
    assert run.returncode == 0, run.stderr
    # 3 x (1 s of probing + 5 x (0.2 + 0.05 + 0.6 s)), said before anything is started.
    first = run.stderr.partition("\n")[0]
    assert first.startswith("measures 3 arms in 5 rounds: about 16 s ("), run.stderr
    assert "round 5/5, process mode: " in run.stderr
    assert ("throughput" in run.stdout and "95 % CI" in run.stdout) or "no difference" in run.stdout
    assert "medians of 5 rounds" in run.stdout
    found = results.read(file)
    (scenario,) = found.scenarios
    assert [arm.label for arm in scenario.arms] == [
        *("shard mode", "steal mode", "process mode"),
    ]
    assert all(len(arm.runs) == 5 and arm.error is None for arm in scenario.arms)
    metrics = {one.metric for one in scenario.comparisons}
    is_refused = any(run.latency_refused for arm in scenario.arms for run in arm.runs)
    assert "requests_per_second" in metrics and ("p99_us" in metrics or is_refused)
    assert all(one.low <= one.ratio <= one.high for one in scenario.comparisons)
    # A round in which turbo-load was held up has no latency, and says so.
    by_rate = [one for one in scenario.comparisons if one.metric == "requests_per_second"]
    assert by_rate and all(one.rounds == 5 for one in by_rate)


def test_a_run_has_every_figure(file: Path) -> None:
    page = file.with_suffix(".html")
    found = measured(file, "--path", "/users/{n}", "--rate", "500", "--html", str(page))
    assert "shard mode" in page.read_text()
    (run,) = found.scenarios[0].arms[0].runs
    assert run.answers_checked > 0 and run.requests_per_second > 0
    # Where the machine held turbo-load up, the reason takes the latency's place.
    if run.latency_us is None:
        assert run.latency_refused
    else:
        assert 0 < run.latency_us.p50 <= run.latency_us.max
    assert run.cpu_us_per_request > 0 and run.rss_mb >= run.pss_mb > 1 and run.threads > 1
    assert sum(shard.requests for shard in run.shards) >= run.answers_checked
    assert run.balance_max_over_mean is not None and run.gc is not None
    assert found.machine["kernel"] and found.versions["turbo_shard"]
    assert found.command.startswith("turbo-shard ab ab_app:app")
    assert str(Path.home()) == "/" or str(Path.home()) not in file.read_text()


def test_without_a_load_saturation_is_found_and_then_latency_at_half_of_it(file: Path) -> None:
    found = measured(file, "--path", "/same", options=SHORT)
    saturation, half = found.scenarios
    assert (saturation.load["loop"], half.load["loop"]) == ("closed", "open")
    slowest = min(arm.runs[0].requests_per_second for arm in saturation.arms)
    assert half.load["rate"] == pytest.approx(slowest / 2, rel=0.01)
    assert all(arm.runs[0].offered_per_second for arm in half.arms)


def test_an_arm_that_is_too_slow_for_the_rate_is_called_saturated(file: Path) -> None:
    options = ("--rate", "2000", "--server-options", "--shards-are-not-an-option")
    assert "--shards-are-not-an-option" in error_of(ab(*options), 1)
    found = measured(file, "--path", "/slow", "--rate", "1000")
    assert any("saturated in 1 of 1 runs" in line for line in found.scenarios[0].doubts)


def test_every_path_of_a_mix_is_asked(file: Path) -> None:
    found = measured(file, "--path", "/same", "--path", "/users/{n}", "--path", "/same")
    routes = {route.path for route in found.scenarios[0].arms[0].runs[0].by_route}
    assert len(routes) == 2
    assert found.scenarios[0].load["routes"] == ["GET /same", "GET /users/{n}", "GET /same"]


@pytest.mark.parametrize("body", ["plain", "@file"])
def test_a_body_is_sent_and_checked(file: Path, tmp_path: Path, body: str) -> None:
    if body == "@file":
        sent = tmp_path / "body"
        sent.write_bytes(b"\x00\xff" * 50)
        body = f"@{sent}"
    found = measured(
        file, "--path", "/echo", "--method", "POST", "--header", "X-A: b", "--body", body
    )
    assert not any("only the status" in line for line in found.scenarios[0].doubts)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/counter", "answers with another body each time"),
        ("/place", "holds {n}, which the load generator would fill in"),
    ],
)
def test_where_bodies_cannot_be_compared_that_is_said(file: Path, path: str, said: str) -> None:
    found = measured(file, "--path", path)
    assert any(said in line and "only the status" in line for line in found.scenarios[0].doubts)


def test_bytes_that_are_no_text_are_checked_too(file: Path) -> None:
    found = measured(file, "--path", "/bytes")
    assert not any("only the status" in line for line in found.scenarios[0].doubts)


def test_a_wrong_answer_fails_the_run_and_names_the_arm() -> None:
    error = error_of(ab("--path", "/flips"), 1)
    assert error.startswith("wrong answer in shard mode, round 1: GET /flips: bodies differ")
    assert "--any-body" in error
    assert ab("--path", "/flips", "--any-body").returncode == 0


def test_an_app_that_fails_is_refused_with_what_it_says() -> None:
    error = error_of(ab("--path", "/failing"), 2)
    assert error.startswith("GET /failing is answered with 503: ") and "out of order" in error


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/per-mode", "steal mode answers GET /per-mode with the content type 'text/plain"),
        ("/fails-in-steal-mode", "steal mode answers GET /fails-in-steal-mode with 500"),
    ],
)
def test_arms_that_do_not_answer_alike_fail_the_run(path: str, said: str) -> None:
    assert said in error_of(ab("--path", path), 1)


def test_an_app_that_is_not_there_is_said_once() -> None:
    run = run_ab("ab_app:nothing", "--app-dir", str(APPS), *CLOSED)
    assert error_of(run, 1).count("has no attribute 'nothing'") == 1


def test_an_arm_that_cannot_run_is_listed_with_its_error(file: Path) -> None:
    arguments = ("ab_app:make_outside_of_steal_mode", "--factory", "--app-dir", str(APPS))
    run = run_ab(*arguments, "--path", "/same", "--json", str(file), *CLOSED)
    assert run.returncode == 0, run.stderr
    assert "steal mode: did not run: " in run.stdout
    shard, steal = results.read(file).scenarios[0].arms
    assert len(shard.runs) == 1 and not steal.runs
    assert steal.error is not None and "not in steal mode" in steal.error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which app?"),
        (("ab_app:app", "more"), "one argument too many"),
        (("ab_app:app", "--path", "users"), "--path: 'users' is no path"),
        (("ab_app:app", "--arms", "shard,fibers"), "there is no arm 'fibers'"),
        (("ab_app:app", "--arms", ","), "no list of arms"),
        (("ab_app:app", "--rounds", "0"), "--rounds: '0' is not a whole number from 1"),
        (("ab_app:app", "--rate", "fast"), "--rate: 'fast' is not a number"),
        (("ab_app:app", "--duration", "0"), "--duration: '0' is not a number from 0.1"),
        (("ab_app:app", "--method", "HEAD"), "answers without bodies cannot be checked"),
        (("ab_app:app", "--header", "nothing"), "is not NAME: VALUE"),
        (("ab_app:app", "--header", "Host: a"), "Host is set by the load generator"),
        (("ab_app:app", "--body", "@nowhere"), "there is no file nowhere"),
        (("ab_app:app", "--server-cores", "a"), "no list of cores"),
        (("ab_app:app", "--server-cores", "9999"), "core 9999 for the server"),
        (("ab_app:app", "--json", "no/such/folder"), "--json: no/such/folder cannot be written"),
        (("ab_app:app", "--shards", "0"), "--shards: 0 is out of range"),
        (("ab_app:app", "--conections", "4"), "did you mean --connections?"),
        (("ab_app:app", "--", "--mode", "steal"), "--mode of the server is set by ab"),
        (("ab_app:app", "--server-options", "'"), "--server-options: "),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    assert said in error_of(run_ab(*arguments), 2)


def test_help_names_every_option() -> None:
    run = run_ab("--help")
    assert run.returncode == 0
    for flag in ("--path", "--rate", "--arms", "--json", "--html", "--server-cores", "130"):
        assert flag in run.stdout


def test_ctrl_c_shows_what_there_is_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    command = [str(COMMAND), "ab", *APP, "--path", "/same", "--connections", "4"]
    command += [
        "--duration",
        "0.2",
        "--rounds",
        "500",
        "--arms",
        "shard,steal",
        "--json",
        str(file),
    ]
    lines: list[str] = []
    with subprocess.Popen(
        command,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None and process.stdout is not None
        for line in process.stderr:
            lines.append(line)
            if "round 1/500, steal mode" in line:
                break
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
        rest = process.stderr.read()
        assert process.wait(TIMEOUT_S) == 130, "".join(lines) + rest
    assert "interrupted; what is shown was measured before" in output
    assert json.loads(file.read_text())["warnings"][-1].startswith("interrupted")
    wait_until(lambda: not left_by(process.pid), "the end of the servers")


def left_by(session: int) -> list[int]:
    """Processes of the command's session, and servers, which lead their own session and lose their parent with it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            # Of stat(5): the parent is field 4, the session field 6; the first two are cut off.
            is_orphan = fields[1] == "1" and b"ab_app:app" in command
            if int(fields[3]) == session or is_orphan:
                found.append(int(entry.name))
    return found


def test_the_lab_is_not_imported_to_serve() -> None:
    script = "import sys, turbo_shard.cli.start; print(any('.lab' in name for name in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )
    assert run.stdout.strip() == "False"
