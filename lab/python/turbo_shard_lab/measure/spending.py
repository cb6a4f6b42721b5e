"""Where the machine's CPU time went between two moments: the server, the generator, ourselves, other processes."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass

from . import procfs


@dataclass(frozen=True)
class Spending:
    """CPU seconds, and where they went."""

    machine: procfs.MachineTime
    server: float
    # The same in µs as the scheduler has it, and the kernel's part of it.
    server_us: float
    server_system: float
    # Of children that have ended: the generator, when a run is over.
    generator: float
    ourselves: float

    @staticmethod
    def now(server_pids: list[int]) -> Spending:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        times = os.times()
        user, system = procfs.user_and_system_ticks(server_pids)
        return Spending(
            machine=procfs.machine_time(),
            server=(user + system) * procfs.TICK_S,
            server_us=procfs.run_time_us(server_pids),
            server_system=system * procfs.TICK_S,
            generator=children.ru_utime + children.ru_stime,
            ourselves=times.user + times.system,
        )

    def since(self, earlier: Spending) -> Spending:
        return Spending(
            machine=self.machine.since(earlier.machine),
            server=self.server - earlier.server,
            server_us=self.server_us - earlier.server_us,
            server_system=self.server_system - earlier.server_system,
            generator=self.generator - earlier.generator,
            ourselves=self.ourselves - earlier.ourselves,
        )

    @property
    def kernel_us(self) -> float:
        """The kernel's part of server_us, in the proportion that clock ticks have."""
        return self.server_us * self.server_system / self.server if self.server else 0.0

    @property
    def others(self) -> float:
        """What all other processes had. Ticks are counted apart for each, so the difference may be below zero."""
        return max(0.0, self.machine.busy - self.server - self.generator - self.ourselves)
