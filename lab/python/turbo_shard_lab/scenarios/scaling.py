"""Scenarios that ask what a second shard brings, on a machine where the generator needs some of its core."""

from __future__ import annotations

from collections.abc import Callable

from ..load.generator import Question
from .arms import USER, Arm
from .commands import PEER_APPS, turbo_shard
from .figures import Goal
from .grounds import Ground
from .rounds import Run
from .scenarios import COROUTINE, RAW, Comparison, Scenario

# What bench/peers/asgi_app.py makes: a body of 100 rows, too long for a command line that is shown.
REPORT = Question("/report/{n}", f"@{PEER_APPS}/report_body.txt")
SHARDS = 2
GOAL = Goal("≥", 1.9)


def capacity(run: Run) -> float:
    """Answers per second if the server had its cores to itself.

    The generator's time on the server's cores is taken out; time in which the server waits for a lock or for work stays
    in and counts against it.
    """
    return run.requests_per_second / (1 - run.shared_share / run.server_cores)


def work(run: Run) -> float:
    """Answers that the CPU time of the server's cores is enough for: its capacity without any waiting."""
    return run.server_cores * 1e6 / run.server_us


def scaling_scenario(
    key: str,
    title: str,
    app: str,
    question: Question,
    engine: str,
    goal: Goal | None,
    program: tuple[str, ...],
) -> Scenario:
    """One shard, and two that have an app each or share one.

    Two shards are compared with the mean of one shard on a core of its own and one beside the generator, since these
    are their places: where server and generator take turns, waking the other one costs less.
    """

    def arm(
        name: str, label: str, shards: int, policy: str = "always", beside: bool = False
    ) -> Arm:
        options = ("--interface", "asgi", "--app-per-shard", policy)
        command = turbo_shard(app, engine, shards, *options, program=program)
        return Arm(
            f"{key}_{name}",
            label,
            command,
            question,
            engine=engine,
            cores=shards,
            beside_generator=beside,
        )

    one = arm("one", "1 shard", 1)
    beside = arm("beside", "1 shard, beside the generator", 1, beside=True)
    own = arm("always", f"{SHARDS} shards, an app each", SHARDS)
    shared = arm("never", f"{SHARDS} shards, one app for both", SHARDS, "never")

    def against_one(
        two: Arm, goal: Goal | None, of: Callable[[Run], float], name: str
    ) -> Comparison:
        return Comparison(two.key, one.key, goal, of, name, beside.key)

    comparisons = (
        against_one(own, goal, capacity, "capacity"),
        against_one(shared, None, capacity, "capacity"),
        against_one(own, None, work, "CPU time"),
        Comparison(own.key, one.key),
    )
    return Scenario(key, title, (one, beside, own, shared), comparisons)


def scaling(ground: Ground, engine: str) -> list[Scenario]:
    """Empty where threads share a GIL: processes know nothing of each other."""
    if ground.has_gil:
        return []
    return [
        scaling_scenario(
            "scaling_fastapi",
            "two shards, FastAPI",
            COROUTINE,
            USER,
            engine,
            GOAL,
            ground.program(framework=True),
        ),
        scaling_scenario(
            "scaling_report",
            "two shards, raw ASGI with 100 rows",
            RAW,
            REPORT,
            engine,
            GOAL,
            ground.program(framework=False),
        ),
    ]
