"""What bench/frameworks.py compares: a scenario is arms side by side and the goals between them. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..load.generator import Question
from .arms import USER, Arm
from .commands import PEER_APPS, turbo_shard
from .figures import Goal, rate
from .grounds import Ground
from .peers import KINDS, Peer
from .rounds import Run

ECHO = Question("/echo", method="POST", echo_bytes=10_240)
SHORT_MESSAGES = Question("/", websocket="text", echo_bytes=32)
LONG_MESSAGES = Question("/", websocket="binary", echo_bytes=10_240)
# In Flask's own form, with a line feed.
FLASK_USER = Question("/users/{n}", f"@{PEER_APPS}/flask_body.txt")

RAW = "asgi_app:app"
COROUTINE = "fastapi_app:coroutine_app"
PLAIN_FUNCTION = "fastapi_app:app"


@dataclass(frozen=True)
class Work:
    """One question to one app that all servers serve; the goal is against the best peer of the same interpreter."""

    key: str
    title: str
    app: str
    question: Question
    goal: Goal
    interface: str = "asgi"
    # Needs what is installed beside the frameworks.
    framework: bool = False

    @property
    def interface_of_peers(self) -> str:
        return "websocket" if self.question.websocket else self.interface


WORKS = (
    Work("raw", "raw ASGI", RAW, USER, Goal("≥", 1.3)),
    Work("echo", "echo of 10 KB", RAW, ECHO, Goal("≥", 1.5)),
    Work("ws_short", "WebSocket, 32 bytes of text", RAW, SHORT_MESSAGES, Goal("≥", 1.5)),
    Work("ws_long", "WebSocket, 10 KB", RAW, LONG_MESSAGES, Goal("≥", 1.5)),
    Work("fastapi", "FastAPI, coroutine", COROUTINE, USER, Goal("≥", 1.15), framework=True),
    Work(
        "fastapi_plain",
        "FastAPI, plain function",
        PLAIN_FUNCTION,
        USER,
        Goal("≥", 1.5),
        framework=True,
    ),
    Work("wsgi", "WSGI", "wsgi_app:app", USER, Goal("≥", 1.25), "wsgi"),
    Work("flask", "Flask", "flask_app:app", FLASK_USER, Goal("≥", 1.1), "wsgi", framework=True),
)
# Against granian on free-threaded 3.13, as the issues before wanted it.
GRANIAN = "granian-asgi"
GRANIAN_GOALS = {
    "raw": Goal("≥", 2.5),
    "echo": Goal("≥", 2),
    "ws_short": Goal("≥", 2),
    "fastapi": Goal("≥", 1.2),
    "fastapi_plain": Goal("≥", 1.2),
}
# Beside free-threaded 3.13, what people run today: uvicorn with uvloop and httptools, and a GIL.
REFERENCE = "uvicorn"
REFERENCE_GOALS = {"raw": Goal("≥", 1)}
REFERENCE_KIND = "gil"


@dataclass(frozen=True)
class Comparison:
    """Two arms of a scenario by their keys, the first divided by the second."""

    over: str
    under: str
    goal: Goal | None = None
    of: Callable[[Run], float] = rate
    # The name of `of`, unless it is the rate.
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
    # Keys of the peers, the best of which ours are compared with, and the goal.
    rivals: tuple[str, ...] = ()
    goal: Goal | None = None

    def without_peers(self) -> Scenario:
        arms = tuple(arm for arm in self.arms if not arm.is_peer)
        keys = {arm.key for arm in arms}
        left = tuple(one for one in self.comparisons if {one.over, one.under} <= keys)
        return replace(self, arms=arms, comparisons=left, rivals=())


def against_peers(
    ground: Ground,
    engines: Sequence[str],
    known: Mapping[str, Peer],
    missing: Mapping[str, str] | None = None,
) -> list[Scenario]:
    """The scenarios served from one core. `missing` has by peer key why a peer cannot run."""
    return [scenario(work, ground, engines, known, missing or {}) for work in WORKS]


def scenario(
    work: Work,
    ground: Ground,
    engines: Sequence[str],
    known: Mapping[str, Peer],
    missing: Mapping[str, str],
) -> Scenario:
    """One work, on each of our engines and on the peers."""
    ours = [our_arm(work, ground, engine) for engine in engines]
    rivals = [
        replace(peer_arm(work, peer), missing=missing.get(peer.key, ""))
        for peer in ground.rivals(known)
        if work.interface_of_peers in peer.serves
    ]
    comparisons: list[Comparison] = []
    references: list[Arm] = []
    if not ground.version:
        if goal := GRANIAN_GOALS.get(work.key):
            comparisons += [Comparison(arm.key, key_of(work, GRANIAN), goal) for arm in ours]
        reference = known.get(f"{REFERENCE}-{REFERENCE_KIND}")
        if reference and work.interface_of_peers in reference.serves:
            arm = peer_arm(work, reference)
            arm = replace(arm, key=f"{arm.key}_{REFERENCE_KIND}", label=reference.label)
            references.append(arm)
            goal = REFERENCE_GOALS.get(work.key)
            comparisons += [Comparison(one.key, arm.key, goal) for one in ours]
    return Scenario(
        work.key,
        work.title,
        (*ours, *rivals, *references),
        tuple(comparisons),
        tuple(arm.key for arm in rivals),
        work.goal,
    )


def with_earlier(scenario: Scenario, folder: str) -> Scenario:
    """Adds an arm: our first one on an earlier build, which is installed in `folder`."""
    ours = scenario.arms[0]
    earlier = replace(
        ours,
        key=f"{scenario.key}_earlier",
        label=f"{ours.label}, earlier build",
        command=("env", f"PYTHONPATH={folder}", *ours.command),
    )
    return replace(
        scenario,
        arms=(ours, earlier, *scenario.arms[1:]),
        comparisons=(*scenario.comparisons, Comparison(ours.key, earlier.key)),
    )


def our_arm(work: Work, ground: Ground, engine: str) -> Arm:
    program = ground.program(framework=work.framework)
    options = ("--interface", work.interface, *ground.options)
    mode = ", process mode" if ground.has_gil else ""
    return Arm(
        f"{work.key}_{engine}",
        f"turbo-shard, {engine}{mode}",
        turbo_shard(work.app, engine, 1, *options, program=program),
        work.question,
        engine=engine,
    )


def peer_arm(work: Work, peer: Peer) -> Arm:
    websocket = bool(work.question.websocket)
    command = peer.serving(work.app, 1, websocket=websocket)
    label = peer.label.removesuffix(f", on {KINDS[peer.kind]}")
    return Arm(key_of(work, peer.name), label, command, work.question, is_peer=True)


def key_of(work: Work, name: str) -> str:
    return f"{work.key}_{name.replace('-', '_')}"
