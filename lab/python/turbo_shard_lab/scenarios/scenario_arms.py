"""The servers that a scenario names, as commands, and the reason for each that cannot run here. Starts none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..compare import arms
from ..compare.arms import Architecture, Arm
from . import peers
from .peers import Peer
from .places import TURBO_SHARD
from .scenario_file import Scenario, Variant
from .toml_table import TableError

# Shard mode on the engine that `auto` takes, plain or balanced in another way: shard-least.
AUTO = "shard"
EVERY_ENGINE = "engines"


@dataclass(frozen=True)
class Candidate:
    """An arm under the name that the scenario has for it. With an error it is listed and not started."""

    name: str
    arm: Arm
    error: str | None = None


def candidates(scenario: Scenario, shards: int, known: Mapping[str, Peer]) -> list[Candidate]:
    """In the file's order: arms, variants, peers. Raises TableError for names that mean nothing."""
    every = arms.architectures()
    found = [
        candidate
        for name in scenario.arms
        for candidate in of_ours(name, None, scenario, shards, every)
    ]
    for variant in scenario.variants:
        for name in variant.arms:
            found += of_ours(name, variant, scenario, shards, every)
    for peer in peers.chosen(scenario.peers, dict(known)):
        found.append(Candidate(peer.key, peer.arm(shards)))
    if scenario.baseline not in (None, *(one.name for one in found)):
        names = ", ".join(one.name for one in found)
        raise TableError(
            f"{scenario.key}: baseline: {scenario.baseline!r} is no arm; there are {names}"
        )
    return found


def of_ours(
    name: str,
    variant: Variant | None,
    scenario: Scenario,
    shards: int,
    every: Mapping[str, Architecture],
) -> list[Candidate]:
    app = [scenario.app, "--app-dir", scenario.app_dir, "--shards", str(shards)]
    app += [*scenario.options, *(variant.options if variant else ())]
    found = []
    for key in keys_of(name):
        one = every.get(key)
        if one is None:
            one = Architecture(key, label_of(name, key), ())
            error: str | None = f"this turbo-shard has no arm {key}; it has {', '.join(every)}"
        else:
            error = engine_fault(key)
        arm = replace(one, label=label_of(name, one.label)).serving([str(TURBO_SHARD)], app)
        if variant:
            label = f"{arm.label}, {variant.label}"
            arm = replace(arm, key=f"{key}-{variant.key}", label=label)
        found.append(Candidate(f"{name}-{variant.key}" if variant else name, arm, error))
    return found


def keys_of(name: str) -> list[str]:
    engines = arms.engines()
    usable = [engine for engine, fault in engines.items() if fault is None] or list(engines)
    if name == EVERY_ENGINE:
        return [f"shard-{engine}" for engine in engines]
    if name == AUTO or (name.startswith(f"{AUTO}-") and name.split("-")[1] not in engines):
        return [f"shard-{usable[0]}{name.removeprefix(AUTO)}"]
    return [name]


def label_of(name: str, label: str) -> str:
    """If the engine is not the question, the command does not name it either."""
    if name == AUTO:
        return "shard mode"
    if name.startswith(f"{AUTO}-") and name.split("-")[1] not in arms.engines():
        return f"shard mode, balanced by {name.split('-', 1)[1]}"
    return label


def engine_fault(key: str) -> str | None:
    """Why an arm's engine cannot be used on this machine."""
    for engine, fault in arms.engines().items():
        if fault is not None and key.split("-")[:2] == ["shard", engine]:
            return f"the engine {engine} cannot be used here: {fault}"
    return None
