"""How long a server takes from the start of its process to its first complete answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..load.generator import WrongAnswer
from ..measure.server import ServerFailed
from .arms import USER, is_excused, turbo_shard
from .under_test import server as server_under_test

NUMBER = "1234"
TIMEOUT_S = 10


@dataclass
class Starts:
    """One engine, started again and again, with its default number of shards."""

    engine: str
    command: list[str]
    milliseconds: list[float] = field(default_factory=list)
    error: str | None = None
    excused: bool = False


def measure_starts(
    engines: Sequence[str], runs: int, cores: list[int], say: Callable[[str], None]
) -> list[Starts]:
    results = [Starts(engine, turbo_shard(engine, shards=None)) for engine in engines]
    for _ in range(runs):
        for result in results:
            if result.error is None:
                start_once(result, cores)
    for result in results:
        texts = ", ".join(f"{value:.0f}" for value in result.milliseconds)
        say(f"start  {result.engine}: {result.error or texts + ' ms'}")
    return results


def start_once(result: Starts, cores: list[int]) -> None:
    try:
        with server_under_test(result.command, cores) as server:
            first_answer(server.port)
            result.milliseconds.append((time.perf_counter() - server.started_at) * 1000)
    except (ServerFailed, OSError) as error:
        result.error = str(error)
        status = error.exit_status if isinstance(error, ServerFailed) else None
        result.excused = is_excused(result.engine, status)


def first_answer(port: int) -> None:
    """Asks once and returns with the last byte of the right answer."""
    expected = USER.body.replace("{n}", NUMBER).encode()
    path = USER.path.replace("{n}", NUMBER)
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        received = b""
        while not received.endswith(expected):
            chunk = connection.recv(65_536)
            if not chunk or len(received) > 65_536:
                raise WrongAnswer(f"the first answer was {(received + chunk)[:300]!r}")
            received += chunk
    if not received.startswith(b"HTTP/1.1 200 "):
        raise WrongAnswer(f"the first answer was {received[:300]!r}")
