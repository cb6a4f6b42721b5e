"""Runs turbo-load and reads what it says. Knows how to ask, not what the figures are for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lab.places import ROOT, TURBO_LOAD, command_line, without_traces

# Beyond its own bounds on time: connecting, and the answers still in flight at the end.
GRACE_S = 30.0


class WrongAnswer(Exception):
    """A server gave a wrong answer: no figure of this benchmark may be used."""


class BrokenRun(Exception):
    """Connections were refused, lost or silent."""


@dataclass(frozen=True)
class Question:
    """What is asked and what must come back; {n} varies."""

    path: str
    # What must come back, unless it is what was sent.
    body: str = ""
    method: str = "GET"
    # Sends so many bytes, which have to come back.
    echo_bytes: int = 0
    # Asks with WebSocket messages: "text" or "binary".
    websocket: str = ""
    headers: tuple[str, ...] = ()

    def options(self) -> list[str]:
        options = ["--path", self.path]
        if self.websocket:
            options += ["--websocket", self.websocket]
        elif self.method != "GET":
            options += ["--method", self.method]
        for header in self.headers:
            options += ["--header", header]
        if self.echo_bytes:
            return [*options, "--echo-bytes", str(self.echo_bytes)]
        return [*options, "--expect-body", self.body]


@dataclass(frozen=True)
class Load:
    """How a server is asked."""

    connections: int
    seconds: float
    warm_up_seconds: float
    core: int
    # None leaves it to turbo-load.
    answer_timeout_seconds: float | None = None

    def options(self) -> list[str]:
        options = [
            *("--connections", str(self.connections), "--seconds", f"{self.seconds:g}"),
            *("--warm-up-seconds", f"{self.warm_up_seconds:g}", "--cpu", str(self.core)),
        ]
        if self.answer_timeout_seconds is not None:
            options += ["--answer-timeout-seconds", f"{self.answer_timeout_seconds:g}"]
        return options


def closed_loop(address: str, question: Question, load: Load) -> dict[str, Any]:
    """One run. Raises unless every answer was right."""
    command = [str(TURBO_LOAD), "--target", address, *question.options(), *load.options()]
    timeout_s = load.seconds + load.warm_up_seconds + GRACE_S
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        raise BrokenRun(f"turbo-load did not end within {timeout_s:g} s") from None
    raise_for_status(done.returncode, done.stderr)
    return report_of(done.stdout)


@contextmanager
def idle_connections(
    address: str, question: Question, count: int, core: int
) -> Iterator[dict[str, Any]]:
    """Holds keep-alive connections for the block, each of which has had one checked answer."""
    command = [str(TURBO_LOAD), "--target", address, *question.options()]
    command += ["--idle", str(count), "--hold-seconds", f"{GRACE_S:g}", "--cpu", str(core)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Its own group, as for the servers.
        start_new_session=True,
    ) as holder:
        try:
            # pipes as asked for above
            assert holder.stdin and holder.stdout and holder.stderr
            line = holder.stdout.readline()
            if '"held"' not in line:
                raise_for_status(holder.wait(GRACE_S), holder.stderr.read())
            yield report_of(line)
            holder.stdin.close()
            released = report_of(holder.stdout.readline())
            raise_for_status(holder.wait(GRACE_S), "")
        finally:
            holder.kill()
    if released["open"] != count:
        raise BrokenRun(f"the server closed {count - released['open']} of {count} idle connections")


def example_command(question: Question, load: Load) -> str:
    """How a person repeats a run against a server on PORT."""
    options = [*question.options(), *load.options()]
    return command_line([str(TURBO_LOAD), "--target", "127.0.0.1:PORT", *options])


def raise_for_status(status: int, message: str) -> None:
    text = without_traces(message.strip().removeprefix("turbo-load: "))
    if status == 3:
        raise WrongAnswer(text)
    if status != 0:
        raise BrokenRun(text or f"turbo-load ended with {status}")


def report_of(line: str) -> dict[str, Any]:
    try:
        report = json.loads(line)
    except json.JSONDecodeError:
        raise BrokenRun(f"turbo-load printed {line!r}") from None
    if not isinstance(report, dict):
        raise BrokenRun(f"turbo-load printed {line!r}")
    return report
