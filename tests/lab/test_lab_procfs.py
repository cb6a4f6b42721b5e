"""What we read from /proc: parsed from known text, and plausible for this process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from turbo_shard_lab.measure import procfs
from turbo_shard_lab.measure.sampling import Sampler
from turbo_shard_lab.measure.spending import Spending
from waiting import wait_until

STAT = """\
cpu  300 0 100 5000 10 0 20 30 0 0
cpu0 100 0 50 2500 5 0 10 10 0 0
cpu1 200 0 50 2500 5 0 10 20 0 0
intr 12345
"""


def test_cores_are_told_from_their_sum_and_idle_time_is_left_out() -> None:
    busy = procfs.busy_per_core_of(STAT)
    assert busy == {0: pytest.approx(160 * procfs.TICK_S), 1: pytest.approx(260 * procfs.TICK_S)}


def test_a_core_without_lines_is_not_there() -> None:
    assert procfs.busy_per_core_of("intr 1\n") == {}


def test_switches_of_all_threads_are_counted() -> None:
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    try:
        found = procfs.context_switches([os.getpid()])
        assert found.voluntary > 0 and found.involuntary >= 0
        assert found.since(found) == procfs.Switches(0, 0)
        assert procfs.thread_count([os.getpid()]) >= 2
    finally:
        waiting.set()
        thread.join()


# Works in threads that end, one after another, and in a child that it waits for; says what it has spent, and stays.
WORKS_IN_THREADS = """\
import subprocess, sys, threading, time
def work():
    end = time.thread_time() + 0.04
    while time.thread_time() < end:
        pass
for _ in range(5):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
if sys.argv[1] == "child":
    work_alone = "import time\\nwhile time.process_time() < 0.2: pass"
    subprocess.run([sys.executable, "-I", "-S", "-c", work_alone], check=True)
print(time.process_time(), flush=True)
sys.stdin.read()
"""
IN_THREADS_S = 0.2
IN_CHILD_S = 0.2


@contextmanager
def worked_in_threads(how: str) -> Iterator[tuple[int, float]]:
    """The process, and its own CPU time in seconds."""
    command = (sys.executable, "-I", "-S", "-c", WORKS_IN_THREADS, how)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdin and process.stdout
        yield process.pid, float(process.stdout.readline())
        process.stdin.close()


def test_time_of_threads_that_have_ended_is_counted() -> None:
    with worked_in_threads("alone") as (pid, spent_s):
        assert spent_s > IN_THREADS_S
        run_time_s = procfs.run_time_us([pid]) / 1e6
        assert spent_s <= run_time_s < spent_s + 0.1
        assert procfs.cpu_ticks([pid]) * procfs.TICK_S == pytest.approx(run_time_s, abs=0.05)
        assert Spending.now([pid]).server_us == pytest.approx(run_time_s * 1e6, abs=100_000)


def test_by_thread_the_remainder_is_what_ended_threads_had() -> None:
    with worked_in_threads("alone") as (pid, spent_s):
        by_thread = procfs.run_time_us_by_thread([pid])
        assert by_thread[procfs.ENDED_THREADS] / 1e6 >= IN_THREADS_S
        assert sum(by_thread.values()) == pytest.approx(spent_s * 1e6, abs=100_000)
        assert len(by_thread) == 2


def test_children_that_were_waited_for_are_counted() -> None:
    with worked_in_threads("child") as (pid, spent_s):
        whole_s = procfs.run_time_us([pid]) / 1e6
        assert whole_s > spent_s + IN_CHILD_S - 2 * procfs.TICK_S
        assert procfs.cpu_ticks([pid]) * procfs.TICK_S == pytest.approx(whole_s, abs=0.05)


def test_resident_memory_agrees_with_what_is_costlier_to_read() -> None:
    pids = [os.getpid()]
    assert procfs.resident_bytes(pids) == pytest.approx(procfs.memory(pids).rss, rel=0.2)
    assert procfs.resident_bytes([]) == 0


def test_a_sampler_sees_its_cores_and_the_memory() -> None:
    cores = sorted(os.sched_getaffinity(0))
    with Sampler([os.getpid()], cores) as sampler:
        wait_until(lambda: len(sampler.cpu_per_core) >= 2, "two samples")
    times = [at for at, _ in sampler.cpu_per_core]
    assert times == sorted(times)
    assert all(len(shares) == len(cores) for _, shares in sampler.cpu_per_core)
    assert all(0 <= share <= 1 for _, shares in sampler.cpu_per_core for share in shares)
    assert sampler.resident > 1_000_000


def test_a_sampler_gives_way_to_whatever_it_watches() -> None:
    with Sampler([os.getpid()], [0]):
        (thread,) = [one for one in threading.enumerate() if one.name == "lab-sampler"]
        wait_until(
            lambda: os.sched_getscheduler(thread.native_id or 0) == os.SCHED_IDLE, "it gives way"
        )
    assert os.sched_getscheduler(0) != os.SCHED_IDLE


def test_a_process_that_ends_while_it_is_glimpsed_has_nothing_resident() -> None:
    with subprocess.Popen(("sleep", "60")) as process:
        glimpses = procfs.Glimpses([process.pid])
        assert glimpses.resident_bytes() > 0
        process.kill()
    assert glimpses.resident_bytes() == 0
    assert set(os.sched_getaffinity(0)) <= set(glimpses.busy_per_core())
    glimpses.close()
    gone = procfs.Glimpses([process.pid])
    assert gone.resident_bytes() == 0
    gone.close()


def test_spending_of_others_is_what_is_left_and_never_negative() -> None:
    machine = procfs.MachineTime(busy=3.0, stolen=0.0)
    spent = Spending(machine, 1.0, 1e6, 0.2, 0.5, 0.25)
    assert spent.others == pytest.approx(1.25)
    assert Spending(machine, 3.0, 3e6, 0.2, 0.5, 0.25).others == 0
