"""What bench/frameworks.py compares: a scenario is arms side by side and the goals between them. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lab.arms import USER, Arm
from lab.commands import (
    ALONE,
    BESIDE_FRAMEWORKS,
    FREE_THREADED,
    GIL,
    granian,
    turbo_shard,
    uvicorn,
)
from lab.figures import Goal, rate
from lab.rounds import Run
from turbo_shard.lab.generator import Question

ECHO = Question("/echo", method="POST", echo_bytes=10_240)
SHORT_MESSAGES = Question("/", websocket="text", echo_bytes=32)
LONG_MESSAGES = Question("/", websocket="binary", echo_bytes=10_240)

RAW = "asgi_app:app"
COROUTINE = "fastapi_app:coroutine_app"
PLAIN_FUNCTION = "fastapi_app:app"

# Peers by name: their interpreter, and how they are called in tables.
SAME = "same interpreter"
ON_GIL = "GIL CPython"
GRANIAN, GRANIAN_GIL = "granian_same", "granian_gil"
UVICORN, UVICORN_GIL = "uvicorn_same", "uvicorn_gil"


@dataclass(frozen=True)
class Comparison:
    """Two arms of a scenario by their keys, the first divided by the second."""

    over: str
    under: str
    goal: Goal | None = None
    of: Callable[[Run], float] = rate
    # How `of` is called, unless it is the rate.
    name: str = ""
    # Divides by the mean of `under` and this one.
    and_under: str | None = None


@dataclass(frozen=True)
class Scenario:
    """Arms that are measured side by side."""

    key: str
    title: str
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]

    def without_peers(self) -> Scenario:
        arms = tuple(arm for arm in self.arms if not arm.is_peer)
        keys = {arm.key for arm in arms}
        left = tuple(one for one in self.comparisons if {one.over, one.under} <= keys)
        return replace(self, arms=arms, comparisons=left)


def peer_arm(scenario: str, name: str, interface: str, app: str, question: Question) -> Arm:
    venv, where = (GIL, ON_GIL) if name.endswith("_gil") else (FREE_THREADED, SAME)
    if name in (UVICORN, UVICORN_GIL):
        label, command = "uvicorn", uvicorn(venv, app)
    else:
        label = "granian"
        # One blocking thread: on one core more of them only take turns.
        options = ["--blocking-threads", "1"] if interface == "wsgi" else []
        if not question.websocket:
            options.append("--no-ws")
        command = granian(venv, interface, app, *options)
    return Arm(f"{scenario}_{name}", f"{label}, {where}", command, question, is_peer=True)


def scenario(
    key: str,
    title: str,
    app: str,
    question: Question,
    engines: Sequence[str],
    peers: dict[str, Goal | None],
    interface: str = "asgi",
    program: tuple[str, ...] = ALONE,
) -> Scenario:
    """One question to one app, on each of our engines and on the peers, each with the goal that is set against it."""
    arms = [
        Arm(
            f"{key}_{engine}",
            f"turbo-shard, {engine}",
            turbo_shard(app, engine, 1, "--interface", interface, program=program),
            question,
            engine=engine,
        )
        for engine in engines
    ]
    arms += [peer_arm(key, name, interface, app, question) for name in peers]
    comparisons = [
        Comparison(f"{key}_{engine}", f"{key}_{name}", goal)
        for engine in engines
        for name, goal in peers.items()
    ]
    return Scenario(key, title, tuple(arms), tuple(comparisons))


def against_peers(engines: Sequence[str]) -> list[Scenario]:
    """What is served from one core."""
    first = engines[:1]
    return [
        scenario(
            "raw",
            "raw ASGI",
            RAW,
            USER,
            engines,
            {GRANIAN: Goal("≥", 2.5), UVICORN_GIL: Goal("≥", 1), GRANIAN_GIL: None, UVICORN: None},
        ),
        scenario(
            "echo",
            "echo of 10 KB",
            RAW,
            ECHO,
            engines,
            {GRANIAN: Goal("≥", 2), UVICORN_GIL: None},
        ),
        scenario(
            "ws_short",
            "WebSocket, 32 bytes of text",
            RAW,
            SHORT_MESSAGES,
            engines,
            {GRANIAN: Goal("≥", 2), UVICORN_GIL: None},
        ),
        scenario(
            "ws_long",
            "WebSocket, 10 KB",
            RAW,
            LONG_MESSAGES,
            first,
            {GRANIAN: None, UVICORN_GIL: None},
        ),
        scenario(
            "fastapi",
            "FastAPI, coroutine",
            COROUTINE,
            USER,
            engines,
            {GRANIAN: Goal("≥", 1.2), UVICORN_GIL: None},
            program=BESIDE_FRAMEWORKS,
        ),
        scenario(
            "fastapi_plain",
            "FastAPI, plain function",
            PLAIN_FUNCTION,
            USER,
            first,
            {GRANIAN: Goal("≥", 1.2), UVICORN_GIL: None},
            program=BESIDE_FRAMEWORKS,
        ),
        scenario(
            "wsgi",
            "WSGI",
            "wsgi_app:app",
            USER,
            first,
            {GRANIAN: None},
            interface="wsgi",
        ),
    ]
