"""`turbo-shard doctor`: what it examines, how it judges, and its exit status."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

from places import COMMAND
from server_process import environment, run_command
from turbo_shard import _native
from turbo_shard.doctor import machine as doctor
from turbo_shard.doctor.finding import Verdict
from turbo_shard.settings import OPTION_BY_NAME

PROBED = [
    "python build",
    "gil now",
    "PYTHON_GIL",
    # Where pip needs the hint.
    *["pydantic"] * (sys.version_info[:2] == (3, 13)),
    "native module",
    "engine uring",
    "engine tokio",
    "engine glommio",
    "allowed cores",
    "io_uring",
    "kernel",
    "RLIMIT_MEMLOCK",
    "RLIMIT_NOFILE",
    "somaxconn",
    "tcp_migrate_req",
    "huge pages",
]


def test_every_probe_has_its_line() -> None:
    run = run_command("doctor")
    assert (run.returncode, run.stderr) == (0, "")
    for name in PROBED:
        assert any(
            line[:4].strip() in ("ok", "warn") and name in line for line in run.stdout.splitlines()
        )
    assert "turbo-shard can serve here" in run.stdout.splitlines()[-1]


def test_json_says_the_same_for_scripts() -> None:
    run = run_command("doctor", "--json")
    assert (run.returncode, run.stderr) == (0, "")
    facts = json.loads(run.stdout)
    assert facts["can_serve"] is True
    assert [finding["name"] for finding in facts["findings"]] == PROBED
    for finding in facts["findings"]:
        assert finding["verdict"] in ("ok", "warn")
        assert finding["detail"]
        assert finding["advice"] or finding["verdict"] == "ok"


def test_too_few_open_files_make_serving_impossible() -> None:
    run = subprocess.run(
        [str(COMMAND), "doctor"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    )
    assert run.returncode == 1
    assert "fail  RLIMIT_NOFILE" in run.stdout
    assert "ulimit -n" in run.stdout
    assert run.stdout.splitlines()[-1] == "turbo-shard cannot serve here; see the lines marked fail"


@pytest.mark.skipif("t" not in sys.abiflags, reason="a build with a GIL ignores PYTHON_GIL")
def test_gil_switched_on_is_warned_of_with_advice() -> None:
    run = run_command("doctor", PYTHON_GIL="1")
    assert run.returncode == 0
    assert "warn  gil now" in run.stdout
    assert "unset PYTHON_GIL" in run.stdout


def test_no_engine_at_all_makes_serving_impossible() -> None:
    probes = [
        {"name": "tokio", "available": False, "reason": "no epoll"},
        {"name": "glommio", "available": False, "reason": "no io_uring"},
    ]
    assert [finding.verdict for finding in doctor.engines(probes)] == [Verdict.FAIL, Verdict.FAIL]


def test_one_missing_engine_is_a_warning_with_its_reason() -> None:
    probes = [
        {"name": "tokio", "available": True, "reason": None, "lacks": []},
        {"name": "glommio", "available": False, "reason": "no io_uring"},
    ]
    works, missing = doctor.engines(probes)
    assert works.verdict is Verdict.OK
    assert (missing.verdict, missing.detail) == (Verdict.WARN, "no io_uring")


def test_an_engine_says_what_it_does_without() -> None:
    lacks = ["incremental buffers (6.12)", "multishot receive (6.0)"]
    [finding] = doctor.engines(
        [{"name": "uring", "available": True, "reason": None, "lacks": lacks}]
    )
    assert finding.verdict is Verdict.OK
    assert finding.detail == f"works here, without {lacks[0]}, {lacks[1]}"


def test_every_engine_can_be_chosen() -> None:
    named = {probe["name"] for probe in _native.probe_engines()}
    assert {*OPTION_BY_NAME["engine"].choices} == {"auto", *named}


def test_quota_below_the_cores_is_warned_of() -> None:
    finding = doctor.allowed_cores({"cores": [0, 1, 2, 5], "quota": 1.5, "default_shards": 2})
    assert finding.verdict is Verdict.WARN
    assert "(0-2,5)" in finding.detail
    assert "1.5 CPUs" in finding.detail


@pytest.mark.parametrize(
    ("value", "verdict"),
    [("0", Verdict.OK), ("1", Verdict.WARN), ("2", Verdict.WARN), (None, Verdict.OK)],
)
def test_io_uring_switch_is_judged(
    monkeypatch: pytest.MonkeyPatch, value: str | None, verdict: Verdict
) -> None:
    monkeypatch.setattr(doctor, "sysctl", lambda name: value)
    assert doctor.io_uring_switch().verdict is verdict
