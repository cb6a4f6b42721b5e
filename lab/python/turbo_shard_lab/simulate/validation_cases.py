"""The cases to compare the simulation with measurements, and the predictions beyond them. Runs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .service_times import Distribution, mean_us

# As bench/apps/simulation_app.py has it.
BIMODAL: Distribution = {"kind": "mixture", "us": [100.0, 20_000.0], "weights": [99.0, 1.0]}


@dataclass(frozen=True)
class Case:
    """One measured scenario, and the same question to the simulation."""

    title: str
    mode: str
    cores: int
    path: str
    service: Distribution
    load: float
    connections: int = 32
    runs: int = 1
    seconds: float = 3.0
    # Which connections share a shard decides: a run shows one case of many, so only ranges can be compared.
    is_chance: bool = False

    @property
    def policy(self) -> str:
        return {"shard": "hash", "steal": "steal"}[self.mode]

    def per_second(self, request_us: float) -> float:
        return self.load * self.cores * 1e6 / (mean_us(self.service) + request_us)


def uniform(mode: str, cores: int, us: int, load: float) -> Case:
    title = f"{cores} core{'s' * (cores > 1)}, every handler {us} µs"
    return Case(title, mode, cores, f"/spin/{us}", {"kind": "fixed", "us": float(us)}, load)


def bimodal(mode: str, cores: int, load: float, seconds: float) -> Case:
    title = f"{cores} core{'s' * (cores > 1)}, 99 % 100 µs and 1 % 20 ms"
    return Case(title, mode, cores, "/bimodal", BIMODAL, load, runs=2, seconds=seconds)


def few_connections(mode: str, runs: int) -> Case:
    service: Distribution = {"kind": "fixed", "us": 300.0}
    title = "2 cores, 4 connections, every handler 300 µs"
    is_chance = mode == "shard"
    return Case(title, mode, 2, "/spin/300", service, 0.4, 4, runs, 2.0, is_chance)


def cases() -> list[Case]:
    found = []
    for mode in ("shard", "steal"):
        found += [uniform(mode, 1, 100, load) for load in (0.3, 0.5, 0.7)]
        found.append(bimodal(mode, 1, 0.5, 5.0))
        # With the load on the same cores: handlers so long that it takes little in comparison.
        found += [uniform(mode, 2, 300, load) for load in (0.3, 0.5, 0.7)]
        found.append(bimodal(mode, 2, 0.5, 5.0))
    return [*found, few_connections("shard", 6), few_connections("steal", 2)]


@dataclass(frozen=True)
class Outlook:
    """Predictions for more cores than this machine has."""

    title: str
    # Arguments of `turbo-shard simulate`.
    arguments: tuple[str, ...]


CORES = "2,4,8,14,16,32,64,128"

OUTLOOKS = (
    Outlook(
        "Short handlers: the costs of the server itself are nearly all",
        ("--service", "fixed:1us", "--load", "0.7"),
    ),
    Outlook("Uniform handlers of 100 µs", ("--service", "fixed:100us", "--load", "0.3,0.7")),
    Outlook(
        "Bimodal handlers: 99 % take 100 µs, 1 % takes 20 ms",
        ("--service", "bimodal:100us,20ms@1%", "--load", "0.5"),
    ),
    Outlook(
        "Few connections: two per core",
        ("--service", "fixed:100us", "--connections", "2/shard", "--load", "0.5"),
    ),
    Outlook(
        "Short handlers that write an object which a process's cores share",
        ("--service", "fixed:1us", "--shared-objects", "--load", "0.5"),
    ),
)


def as_json(case: Case) -> dict[str, Any]:
    return {**vars(case), "policy": case.policy}
