"""The arms of a comparison: each is a command that serves and a question that it answers. Runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..load.generator import Question
from . import commands
from .commands import FREE_THREADED, GIL
from .places import FIXED_ANSWER

ENGINES = ("uring", "tokio", "glommio")
# Works everywhere; the machine may refuse any other engine, which is not our fault.
ENGINE_EVERYWHERE = "tokio"
# Our programs' exit status when this machine cannot do what was asked for.
EXIT_REFUSED = 2

USER_PATH = "/users/{n}"
USER_BODY = '{"user_id":{n},"name":"User {n}","email":"user{n}@example.com"}'
# Four digits, as turbo-load's numbers have: all bodies are of one size.
FIXED_BODY = USER_BODY.replace("{n}", "1234")
USER = Question(USER_PATH, USER_BODY)


@dataclass(frozen=True)
class Arm:
    """One server to compare."""

    key: str
    label: str
    command: tuple[str, ...]
    question: Question
    # A peer that cannot run is listed with its error; our own arms must run.
    is_peer: bool = False
    engine: str = ""
    # How many cores the server may use.
    cores: int = 1
    # On the generator's core instead of its own.
    beside_generator: bool = False
    # Why it cannot run here at all; it is listed with that and not started.
    missing: str = ""

    def is_excused(self, exit_status: int | None = None) -> bool:
        """Whether the benchmark is still sound when this arm could not run."""
        return self.is_peer or is_excused(self.engine, exit_status)


def is_excused(engine: str, exit_status: int | None) -> bool:
    """Whether the machine refused an engine that not every machine has."""
    return engine != ENGINE_EVERYWHERE and exit_status == EXIT_REFUSED


def turbo_shard(engine: str, shards: int | None) -> list[str]:
    """The example on our server; None leaves the number of shards to it."""
    return list(commands.turbo_shard("multi_route_app:app", engine, shards, app_dir="examples"))


def example_arm(engine: str) -> Arm:
    return Arm(
        f"turbo_shard_{engine}",
        f"turbo-shard, {engine}: Python handler",
        tuple(turbo_shard(engine, shards=1)),
        USER,
        engine=engine,
    )


def fixed_arm(engine: str) -> Arm:
    command = (str(FIXED_ANSWER), "--engine", engine, "--shards", "1", "--port", "0")
    return Arm(
        f"fixed_{engine}",
        f"turbo-shard, {engine}: fixed answer from Rust",
        command,
        Question(USER_PATH, FIXED_BODY),
        engine=engine,
    )


def granian(key: str, label: str, venv: str) -> Arm:
    command = commands.granian(venv, "rsgi", "granian_rsgi:app", "--no-ws")
    return Arm(key, label, command, USER, is_peer=True)


def fastapi(key: str, label: str, app: str) -> Arm:
    return Arm(key, label, commands.uvicorn(GIL, f"fastapi_app:{app}"), USER, is_peer=True)


GRANIAN = granian("granian_rsgi", "granian RSGI", GIL)
GRANIAN_FREE_THREADED = granian(
    "granian_rsgi_free_threaded", "granian RSGI on free-threaded Python", FREE_THREADED
)
# The example's own source, and the faster form.
FASTAPI = fastapi("fastapi_uvicorn", "FastAPI on uvicorn: same source", "app")
FASTAPI_COROUTINE = fastapi(
    "fastapi_uvicorn_coroutine", "FastAPI on uvicorn: as a coroutine", "coroutine_app"
)
PEER_ARMS = (GRANIAN, GRANIAN_FREE_THREADED, FASTAPI, FASTAPI_COROUTINE)


def throughput_arms(engines: Sequence[str], with_peers: bool) -> list[Arm]:
    """In the order of a round: arms that are divided by each other are side by side."""
    arms = []
    for engine in engines:
        arms += [example_arm(engine), fixed_arm(engine)]
    return [*arms, *PEER_ARMS] if with_peers else arms
