"""What /proc tells about processes and the machine: CPU time, memory, wake-ups. Knows nothing of servers."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")
# Lines of some hundred cores.
KEPT_BYTES_MAX = 1 << 16
# The parts of another process's clock, see clock_getcpuclockid(3): the process's number, and which of its times.
CLOCK_OF_SCHEDULER = 2
# Stands for all threads that have ended, where time is listed thread by thread.
ENDED_THREADS = "threads that ended"


@dataclass(frozen=True)
class Memory:
    """Of one or more processes, in bytes."""

    rss: int
    pss: int


@dataclass(frozen=True)
class Switches:
    """Context switches of threads: while they waited, and because others wanted their core."""

    voluntary: int
    involuntary: int

    def since(self, earlier: Switches) -> Switches:
        return Switches(self.voluntary - earlier.voluntary, self.involuntary - earlier.involuntary)


@dataclass(frozen=True)
class MachineTime:
    """CPU seconds of all cores since boot."""

    busy: float
    stolen: float

    def since(self, earlier: MachineTime) -> MachineTime:
        return MachineTime(self.busy - earlier.busy, self.stolen - earlier.stolen)


def group_members(group: int) -> list[int]:
    """The processes of a process group. One that ends meanwhile is left out."""
    members = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            fields = _stat_fields(int(entry.name))
            # Field 5 of stat(5); the first two are cut off.
            if fields and int(fields[2]) == group:
                members.append(int(entry.name))
    return sorted(members)


def cpu_ticks(pids: list[int]) -> int:
    """Clock ticks that these processes have run, in user and kernel mode."""
    return sum(user_and_system_ticks(pids))


def user_and_system_ticks(pids: list[int]) -> tuple[int, int]:
    """With threads that have ended, and with children that have ended and were waited for."""
    user = system = 0
    for pid in pids:
        if fields := _stat_fields(pid):
            user += int(fields[11]) + int(fields[13])
            system += int(fields[12]) + int(fields[14])
    return user, system


def run_time_us(pids: list[int]) -> float:
    """As cpu_ticks, from the scheduler: to the nanosecond, but without children that have ended.

    Not the sum over /proc/PID/task: a thread that ends takes its line with it, and a process that makes a thread for
    each call would seem to cost nothing.
    """
    return sum(_process_ns(pid) for pid in pids) / 1000 + _ended_children_us(pids)


def run_time_us_by_thread(pids: list[int]) -> dict[str, float]:
    """Where `run_time_us` went, by the threads' names; the time of no present thread is listed as ENDED_THREADS."""
    # The whole first: time spent between the two looks then lessens the remainder, and is not taken for it.
    whole = run_time_us(pids)
    found: dict[str, float] = {}
    for pid in pids:
        for task in _tasks(pid):
            if schedstat := _read(task / "schedstat"):
                name = _read(task / "comm").strip()
                found[name] = found.get(name, 0.0) + int(schedstat.split()[0]) / 1000
    found[ENDED_THREADS] = max(0.0, whole - sum(found.values()))
    return found


def spent_by_thread(
    before: dict[str, float], after: dict[str, float], spent_us: float
) -> dict[str, float]:
    """What each name has had between two looks of run_time_us_by_thread, of `spent_us` in all; the remainder, with
    threads that ended between them, is listed as ENDED_THREADS."""
    found = {
        name: us - before.get(name, 0.0)
        for name, us in after.items()
        if name != ENDED_THREADS and us > before.get(name, 0.0)
    }
    found[ENDED_THREADS] = max(0.0, spent_us - sum(found.values()))
    return found


def wake_ups(pids: list[int]) -> int:
    """How often these processes' threads have waited and were woken."""
    return context_switches(pids).voluntary


def context_switches(pids: list[int]) -> Switches:
    """Of all threads that these processes have now; a thread that has ended takes its number with it."""
    voluntary = involuntary = 0
    for pid in pids:
        for task in _tasks(pid):
            for line in _read(task / "status").splitlines():
                if line.startswith("voluntary_ctxt_switches:"):
                    voluntary += int(line.split()[1])
                elif line.startswith("nonvoluntary_ctxt_switches:"):
                    involuntary += int(line.split()[1])
    return Switches(voluntary, involuntary)


def thread_count(pids: list[int]) -> int:
    return sum(len(_tasks(pid)) for pid in pids)


def memory(pids: list[int]) -> Memory:
    """Resident memory. Pss shares out what several processes have in common."""
    rss = pss = 0
    for pid in pids:
        for line in _read(PROC / str(pid) / "smaps_rollup").splitlines():
            name, _, value = line.partition(":")
            if name == "Rss":
                rss += int(value.split()[0]) * 1024
            elif name == "Pss":
                pss += int(value.split()[0]) * 1024
    if not rss:
        raise RuntimeError(f"the memory of {pids} cannot be read")
    return Memory(rss, pss)


def resident_bytes(pids: list[int]) -> int:
    """Resident memory alone: a fraction of what `memory` costs, so it can be read during a measurement."""
    return sum(_resident_pages(_read(PROC / str(pid) / "statm")) for pid in pids) * PAGE_BYTES


class Glimpses:
    """What each core has worked and what processes have resident, for frequent looks during a measurement: the files
    stay open, so a look costs a few system calls."""

    def __init__(self, pids: list[int]) -> None:
        self._stat = _kept(PROC / "stat")
        self._memory = [_kept(PROC / str(pid) / "statm") for pid in pids]

    def busy_per_core(self) -> dict[int, float]:
        """CPU seconds since boot."""
        return busy_per_core_of(_read_again(self._stat))

    def resident_bytes(self) -> int:
        return sum(_resident_pages(_read_again(file)) for file in self._memory) * PAGE_BYTES

    def close(self) -> None:
        for file in (self._stat, *self._memory):
            if file is not None:
                os.close(file)


def machine_time() -> MachineTime:
    return _cpu_time(_read(PROC / "stat").split("\n", 1)[0])


def busy_per_core() -> dict[int, float]:
    """CPU seconds of each core since boot."""
    return busy_per_core_of(_read(PROC / "stat"))


def busy_per_core_of(text: str) -> dict[int, float]:
    found = {}
    # The cores come first; a line with a number for each interrupt of the machine follows.
    for line in text.partition("intr")[0].splitlines():
        name = line.split(" ", 1)[0]
        if name.startswith("cpu") and name[3:].isdigit():
            found[int(name[3:])] = _cpu_time(line).busy
    return found


def _cpu_time(line: str) -> MachineTime:
    # user nice system idle iowait irq softirq steal
    fields = [int(field) * TICK_S for field in line.split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return MachineTime(user + nice + system + irq + softirq, steal)


def _process_ns(pid: int) -> int:
    """CPU time of a process with all threads that it ever had; the kernel adds a thread's when it ends."""
    try:
        return time.clock_gettime_ns((~pid << 3) | CLOCK_OF_SCHEDULER)
    except OSError:
        # It has ended.
        return 0


def _ended_children_us(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        if fields := _stat_fields(pid):
            ticks += int(fields[13]) + int(fields[14])
    return ticks * TICK_S * 1e6


def _tasks(pid: int) -> list[Path]:
    try:
        return list((PROC / str(pid) / "task").iterdir())
    except FileNotFoundError:
        return []


def _stat_fields(pid: int) -> list[str]:
    """From field 3 of stat(5) on: the fields before may hold blanks."""
    text = _read(PROC / str(pid) / "stat")
    return text.rpartition(")")[2].split() if text else []


def _resident_pages(statm: str) -> int:
    fields = statm.split()
    return int(fields[1]) if fields else 0


def _kept(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return None


def _read_again(file: int | None) -> str:
    try:
        return os.pread(file, KEPT_BYTES_MAX, 0).decode() if file is not None else ""
    except ProcessLookupError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
