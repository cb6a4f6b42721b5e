"""The arms that tests run on: each architecture with each of its engines."""

from __future__ import annotations

import functools
import json
from typing import NamedTuple

from framework_server import IS_REFERENCE
from server_process import run_command
from turbo_shard.settings import OPTION_BY_NAME


class Arm(NamedTuple):
    """An architecture and its engine: the same app gives the same answers on each (invariant I7)."""

    mode: str
    engine: str

    @property
    def options(self) -> tuple[str, ...]:
        return ("--mode", self.mode, "--engine", self.engine)

    @property
    def loop_thread(self) -> str:
        """Name of the thread that the event loop of a single shard runs on."""
        return "asyncio-0" if self.mode == "steal" else "MainThread"

    def shards_in_one_process(self, count: int) -> tuple[str, str]:
        """So many shards, for an app whose memory shows a test what all of them do: worker processes share none."""
        return ("--shards", str(1 if self.mode == "process" else count))


ENGINES = [engine for engine in OPTION_BY_NAME["engine"].choices if engine != "auto"]
ARMS = [
    *(Arm("shard", engine) for engine in ENGINES),
    Arm("steal", "tokio"),
    Arm("process", "tokio"),
]
if IS_REFERENCE:
    # Replaces all of them, but only for the tests of frameworks.
    ARMS = [Arm("reference", "server")]


@functools.cache
def engine_faults() -> dict[str, str]:
    """Why an engine does not work on this machine, for those that do not."""
    findings = json.loads(run_command("doctor", "--json").stdout)["findings"]
    return {
        finding["name"].removeprefix("engine "): finding["detail"]
        for finding in findings
        if finding["name"].startswith("engine ") and finding["verdict"] != "ok"
    }
