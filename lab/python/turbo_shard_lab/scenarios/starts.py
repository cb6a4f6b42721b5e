"""How long a server takes from the start of its process to its first complete answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from ..compare.rounds import ArmRuns
from ..load.generator import Question, WrongAnswer
from ..measure.server import Server, ServerFailed
from ..progress import Progress
from .plan import CONFIGURING_VARIABLES, START_S, PlannedScenario

NUMBER = "1234"
TIMEOUT_S = 10
ANSWER_BYTES_MAX = 65_536


def measure_starts(
    plan: PlannedScenario, arms: Sequence[ArmRuns], progress: Progress
) -> dict[str, list[float]]:
    """In ms, by the arm's key: every arm once per round. An arm that fails has its error in its result; a wrong answer
    is raised."""
    found: dict[str, list[float]] = {one.arm.key: [] for one in arms}
    for number in range(plan.rounds):
        for one in arms:
            if one.result.error is not None:
                continue
            text = f"{plan.scenario.key}, round {number + 1}/{plan.rounds}, {one.arm.label}"
            progress.begin(text, START_S)
            try:
                found[one.arm.key].append(start_ms(plan, one.arm.command))
                progress.end(f"{found[one.arm.key][-1]:.0f} ms")
            except (ServerFailed, OSError) as error:
                one.result.error = str(error)
                progress.end(one.result.error)
    return found


def start_ms(plan: PlannedScenario, command: Sequence[str]) -> float:
    with Server(command, plan.placement.server, without_variables=CONFIGURING_VARIABLES) as server:
        first_answer(server.port, plan.scenario.load.questions[0])
        return (time.perf_counter() - server.started_at) * 1000


def first_answer(port: int, question: Question) -> None:
    """Asks once and returns with the last byte of the right answer."""
    expected = question.body.replace("{n}", NUMBER).encode()
    path = question.path.replace("{n}", NUMBER)
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        received = b""
        while not received.endswith(expected):
            chunk = connection.recv(ANSWER_BYTES_MAX)
            if not chunk or len(received) > ANSWER_BYTES_MAX:
                raise WrongAnswer(f"the first answer was {(received + chunk)[:300]!r}")
            received += chunk
    if not received.startswith(b"HTTP/1.1 200 "):
        raise WrongAnswer(f"the first answer was {received[:300]!r}")
