"""What an idle server costs: CPU time, wake-ups, memory, and memory per idle connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ..load.generator import BrokenRun, Load
from ..measure import procfs
from ..measure.server import Server, ServerFailed
from . import under_test
from .arms import USER, is_excused, turbo_shard
from .under_test import closed_loop, idle_connections

SHARDS = 2
# Time for a server to give its buffers back.
SETTLE_S = 0.5


@dataclass
class Idleness:
    """One engine with two shards and the example. Memory in bytes."""

    engine: str
    command: list[str]
    error: str | None = None
    excused: bool = False
    seconds: float = 0.0
    cpu_ticks: int | None = None
    cpu_us: float = 0.0
    wake_ups: int = 0
    threads: int = 0
    rss: int | None = None
    pss: int = 0
    connections: int = 0
    rss_before_connections: int = 0
    rss_with_connections: int = 0

    @property
    def bytes_per_connection(self) -> float | None:
        if not self.connections:
            return None
        return (self.rss_with_connections - self.rss_before_connections) / self.connections


def measure_idleness(
    engines: Sequence[str],
    seconds: float,
    connections: int,
    cores: list[int],
    load_core: int,
    say: Callable[[str], None],
) -> list[Idleness]:
    """All engines side by side while they are idle, then one after another under connections."""
    results = [Idleness(engine, turbo_shard(engine, SHARDS)) for engine in engines]
    with ExitStack() as stack:
        running = []
        for result in results:
            with guarded(result):
                server = stack.enter_context(under_test.server(result.command, cores))
                ask(server, load_core, connections=SHARDS)
                running.append((result, server))
        watch_idle(running, seconds)
        for result, server in running:
            with guarded(result):
                hold_connections(result, server, connections, load_core)
    for result in results:
        say(f"idle  {result.engine}: {summary(result)}")
    return results


class guarded:
    """Notes a failure in its result instead of ending the benchmark."""

    def __init__(self, result: Idleness) -> None:
        self.result = result

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, ServerFailed | BrokenRun):
            return False
        self.result.error = str(error)
        status = error.exit_status if isinstance(error, ServerFailed) else None
        self.result.excused = is_excused(self.result.engine, status)
        return True


def ask(server: Server, core: int, connections: int) -> None:
    """Some checked answers, so that no shard is measured before its first request."""
    closed_loop(server.address, USER, Load(connections, 0.3, 0.0, (core,)))


def watch_idle(running: list[tuple[Idleness, Server]], seconds: float) -> None:
    time.sleep(SETTLE_S)
    before = [usage(server) for _, server in running]
    time.sleep(seconds)
    for (result, server), (ticks, cpu_us, wake_ups) in zip(running, before, strict=True):
        ticks_after, cpu_us_after, wake_ups_after = usage(server)
        result.seconds = seconds
        result.cpu_ticks = ticks_after - ticks
        result.cpu_us = cpu_us_after - cpu_us
        result.wake_ups = wake_ups_after - wake_ups
        result.threads = procfs.thread_count(server.pids)
        memory = procfs.memory(server.pids)
        result.rss, result.pss = memory.rss, memory.pss


def usage(server: Server) -> tuple[int, float, int]:
    pids = server.pids
    return procfs.cpu_ticks(pids), procfs.run_time_us(pids), procfs.wake_ups(pids)


def hold_connections(result: Idleness, server: Server, count: int, core: int) -> None:
    # As many connections as under load: what they leave behind is not a cost of idle connections.
    ask(server, core, connections=32)
    time.sleep(SETTLE_S)
    before = procfs.memory(server.pids).rss
    with idle_connections(server.address, USER, count, core):
        time.sleep(SETTLE_S)
        result.rss_with_connections = procfs.memory(server.pids).rss
    result.rss_before_connections, result.connections = before, count


def summary(result: Idleness) -> str:
    per_connection = result.bytes_per_connection
    if result.error or result.rss is None or per_connection is None:
        return result.error or "not measured"
    return (
        f"{result.cpu_ticks} ticks in {result.seconds:g} s, {result.rss / 1e6:.1f} MB, "
        f"{per_connection:,.0f} bytes per connection"
    )
