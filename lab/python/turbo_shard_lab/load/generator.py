"""Runs turbo-load and reads its output. Knows how to ask, not what the figures are for."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..command_text import command_line, without_traces

# Beyond its own bounds on time: connecting, and the answers still in flight at the end.
GRACE_S = 30.0
EXIT_WRONG_ANSWER = 3
# The load generator of this package, in a process of its own.
TURBO_LOAD = (sys.executable, "-m", "turbo_shard_lab.load")


class WrongAnswer(Exception):
    """A server gave a wrong answer: no figure of this benchmark may be used."""


class BrokenRun(Exception):
    """Connections were refused, lost or silent."""


@dataclass(frozen=True)
class Question:
    """What is asked and what must come back; {n} varies."""

    path: str
    # What must come back, if not what was sent; after an @ the file that has it.
    body: str = ""
    method: str = "GET"
    # Sends so many bytes, which must come back.
    echo_bytes: int = 0
    # Asks with WebSocket messages: "text" or "binary".
    websocket: str = ""
    headers: tuple[str, ...] = ()
    # The body to send; after an @ the file that has it.
    sends: str = ""
    status: int = 200
    # Only the status is checked.
    any_body: bool = False
    # How often it is asked, relative to the other questions of a mix.
    weight: float = 1.0

    def options(self) -> list[str]:
        options = ["--path", self.path]
        if self.websocket:
            options += ["--websocket", self.websocket]
        elif self.method != "GET":
            options += ["--method", self.method]
        for header in self.headers:
            options += ["--header", header]
        if self.status != 200:
            options += ["--expect-status", str(self.status)]
        if self.echo_bytes:
            return [*options, "--echo-bytes", str(self.echo_bytes)]
        if self.sends:
            options += ["--body", self.sends]
        return [
            *options,
            *(["--expect-any-body"] if self.any_body else ["--expect-body", self.body]),
        ]

    def as_route(self) -> dict[str, Any]:
        """For the file of a mix."""
        route: dict[str, Any] = {
            "weight": self.weight,
            "path": self.path,
            "method": self.method,
            "headers": headers_by_name(self.headers),
            "expect_status": self.status,
        }
        if self.echo_bytes:
            return route | {"echo_bytes": self.echo_bytes}
        if self.sends:
            route["body"] = self.sends
        if self.any_body:
            return route | {"expect_any_body": True}
        return route | {"expect_body": self.body}


@dataclass(frozen=True)
class Speech:
    """What is spoken over connections; HTTP/1 without TLS unless it says something else."""

    tls: bool = False
    # "full" or "resumed": every request has a connection of its own, which begins so.
    handshakes: str = ""
    # Over HTTP/2, requests in flight on each connection.
    streams: int = 0

    def options(self) -> list[str]:
        options = ["--tls"] if self.tls else []
        if self.handshakes:
            options += ["--handshakes", self.handshakes]
        if self.streams:
            options += ["--http2", "--streams", str(self.streams)]
        return options

    def described(self) -> dict[str, Any]:
        found = {"tls": self.tls, "handshakes": self.handshakes, "http2_streams": self.streams}
        return {name: value for name, value in found.items() if value}


PLAIN = Speech()


@dataclass(frozen=True)
class Load:
    """How a server is asked. With a rate the loop is open: as many requests come, however slow the answers are."""

    connections: int
    seconds: float
    warm_up_seconds: float
    # The generator has one thread on each.
    cores: tuple[int, ...]
    rate: float | None = None
    arrivals: str = "poisson"
    seed: int | None = None
    # Requests in flight on each connection of a closed loop.
    pipeline: int = 1
    slow_read_bytes_per_second: int | None = None
    # Held open beside the others.
    idle_connections: int = 0
    # None leaves it to turbo-load.
    answer_timeout_seconds: float | None = None
    speech: Speech = PLAIN
    # How bytes are moved; "" leaves it to turbo-load.
    io: str = ""

    def options(self) -> list[str]:
        options = [
            *self.speech.options(),
            *("--connections", str(self.connections), "--seconds", f"{self.seconds:g}"),
            *("--warm-up-seconds", f"{self.warm_up_seconds:g}"),
            *("--cpu", ",".join(map(str, self.cores))),
        ]
        if len(self.cores) > 1:
            options += ["--threads", str(len(self.cores))]
        if self.io:
            options += ["--io", self.io]
        if self.rate is not None:
            options += ["--rate", f"{self.rate:.6g}", "--arrivals", self.arrivals]
        if self.seed is not None:
            options += ["--seed", str(self.seed)]
        if self.pipeline > 1:
            options += ["--pipeline", str(self.pipeline)]
        if self.slow_read_bytes_per_second is not None:
            options += ["--slow-read-bytes-per-second", str(self.slow_read_bytes_per_second)]
        if self.idle_connections:
            options += ["--idle-connections", str(self.idle_connections)]
        if self.answer_timeout_seconds is not None:
            options += ["--answer-timeout-seconds", f"{self.answer_timeout_seconds:g}"]
        return options

    def described(self) -> dict[str, Any]:
        """For results.json: the chosen values, without those that do not apply."""
        loop = "closed" if self.rate is None else "open"
        found: dict[str, Any] = {"loop": loop, "connections": self.connections}
        found |= {"seconds": self.seconds, "warm_up_seconds": self.warm_up_seconds}
        if self.rate is not None:
            found |= {"rate": self.rate, "arrivals": self.arrivals}
        optional = {
            "pipeline": self.pipeline if self.pipeline > 1 else None,
            "slow_read_bytes_per_second": self.slow_read_bytes_per_second,
            "idle_connections": self.idle_connections or None,
            "seed": self.seed,
        }
        found |= {name: value for name, value in optional.items() if value is not None}
        return found | self.speech.described()


def run_load(
    address: str,
    questions: Sequence[Question],
    load: Load,
    *,
    program: Sequence[str] = TURBO_LOAD,
    directory: Path | None = None,
) -> dict[str, Any]:
    """One run; several questions are a mix. Raises unless every answer was right."""
    with asked(questions) as options:
        command = [*program, "--target", address, *options, *load.options()]
        timeout_s = load.seconds + load.warm_up_seconds + GRACE_S
        try:
            done = subprocess.run(
                command,
                cwd=directory,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=timeout_s,
                # Its own group, as for the servers: Ctrl-C is for us, and we end it.
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise BrokenRun(f"turbo-load did not end within {timeout_s:g} s") from None
    raise_for_status(done.returncode, done.stderr)
    return report_of(done.stdout)


@contextmanager
def asked(questions: Sequence[Question]) -> Iterator[list[str]]:
    """The options that ask these questions; a mix stands in a file for as long as the block lasts."""
    if len(questions) == 1:
        yield questions[0].options()
        return
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([question.as_route() for question in questions], file)
        file.flush()
        yield ["--mix", file.name]


@contextmanager
def running(
    command: Sequence[str], directory: Path | None, *, stdin: int
) -> Iterator[subprocess.Popen[str]]:
    """A generator that is at work; ended with the block."""
    with subprocess.Popen(
        command,
        cwd=directory,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Its own group, as for the servers: Ctrl-C is for us, and we end it.
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def idle_connections(
    address: str,
    question: Question,
    count: int,
    core: int,
    *,
    speech: Speech = PLAIN,
    program: Sequence[str] = TURBO_LOAD,
    directory: Path | None = None,
) -> Iterator[dict[str, Any]]:
    """Holds keep-alive connections for the block; each has had one checked answer."""
    command = [*program, "--target", address, *question.options(), *speech.options()]
    command += ["--idle", str(count), "--hold-seconds", f"{GRACE_S:g}", "--cpu", str(core)]
    with running(command, directory, stdin=subprocess.PIPE) as holder:
        if not (holder.stdin and holder.stdout and holder.stderr):
            raise BrokenRun("turbo-load was started without its pipes")
        line = holder.stdout.readline()
        if '"held"' not in line:
            raise_for_status(holder.wait(GRACE_S), holder.stderr.read())
        yield report_of(line)
        holder.stdin.close()
        released = report_of(holder.stdout.readline())
        raise_for_status(holder.wait(GRACE_S), "")
    if released["open"] != count:
        raise BrokenRun(f"the server closed {count - released['open']} of {count} idle connections")


def example_command(
    questions: Sequence[Question], load: Load, program: Sequence[str] = ("turbo-load",)
) -> str:
    """How a person repeats a run against a server on PORT."""
    options = questions[0].options() if len(questions) == 1 else ["--mix", "MIX.json"]
    return command_line([*program, "--target", "127.0.0.1:PORT", *options, *load.options()])


def headers_by_name(headers: Sequence[str]) -> dict[str, str]:
    """Fields that are given twice become one list, as in HTTP."""
    found: dict[str, str] = {}
    for header in headers:
        name, _, value = header.partition(":")
        found[name] = f"{found[name]}, {value.strip()}" if name in found else value.strip()
    return found


def raise_for_status(status: int, message: str) -> None:
    text = without_traces(message.strip().removeprefix("turbo-load: "))
    if status == EXIT_WRONG_ANSWER:
        raise WrongAnswer(text.removeprefix("wrong answer: "))
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
