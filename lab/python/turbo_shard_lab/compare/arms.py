"""The architectures that serve one app: each arm is a command and a name. Runs nothing.

The native module says which engines there are; one that the command line does not know is no arm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from turbo_shard.native_module import native_module
from turbo_shard.settings.table import OPTION_BY_NAME

STATS_FLAG = "--stats-socket"


class UnknownArm(Exception):
    """A name that stands for no arm; the text is one line."""


@dataclass(frozen=True)
class Arm:
    """One server to compare. The word {port} in its command stands for a port chosen for it."""

    key: str
    # As it reads in a sentence: "shard mode", "granian RSGI".
    label: str
    command: tuple[str, ...]
    # A peer that cannot run is listed with its error; our own arms must run.
    is_peer: bool = False
    # Whether it takes --stats-socket.
    has_stats: bool = False


@dataclass(frozen=True)
class Architecture:
    """How one of our arms is started, apart from the app."""

    key: str
    label: str
    options: tuple[str, ...]

    def serving(self, program: Sequence[str], app: Sequence[str]) -> Arm:
        """`app` is MODULE:ATTRIBUTE with the app's options; the kernel chooses the port."""
        own = ("--host", "127.0.0.1", "--port", "0", *self.options)
        command = (*program, *app, *own)
        return Arm(self.key, self.label, command, has_stats=has_option("stats_socket"))


def has_option(name: str) -> bool:
    return name in OPTION_BY_NAME


def choices(name: str) -> tuple[str, ...]:
    return OPTION_BY_NAME[name].choices if has_option(name) else ()


def engines() -> dict[str, str | None]:
    """Each engine with why it cannot be used here, in the order in which `auto` prefers them."""
    return {one["name"]: one["reason"] for one in native_module().probe_engines()}


def architectures() -> dict[str, Architecture]:
    """All arms of ours that there may be, even those that this machine will refuse."""
    found = []
    balances = choices("balance")
    plain = OPTION_BY_NAME["balance"].default if balances else None
    for engine in engines():
        options = ("--mode", "shard", "--engine", engine)
        found.append(Architecture(f"shard-{engine}", f"shard mode on {engine}", options))
        for balance in balances:
            if balance != plain:
                key, label = (
                    f"shard-{engine}-{balance}",
                    f"shard mode on {engine}, balanced by {balance}",
                )
                found.append(Architecture(key, label, (*options, "--balance", balance)))
    found += [
        Architecture(mode, f"{mode} mode", ("--mode", mode))
        for mode in choices("mode")
        if mode != "shard"
    ]
    return {architecture.key: architecture for architecture in found}


def chosen(names: Iterable[str]) -> list[Architecture]:
    """`shard` is shard mode on the engine that auto takes, `engines` shard mode on every engine."""
    known = architectures()
    found: dict[str, Architecture] = {}
    for name in names:
        keys = keys_of(name, engines(), known)
        if not keys:
            raise UnknownArm(
                f"there is no arm {name!r}; there are shard, engines, {', '.join(known)}"
            )
        found |= {key: known[key] for key in keys}
    return plainly_named(list(found.values()))


def keys_of(name: str, engines: dict[str, str | None], known: dict[str, Architecture]) -> list[str]:
    if name == "shard":
        usable = [engine for engine, fault in engines.items() if fault is None]
        return [f"shard-{engine}" for engine in usable[:1] or list(engines)[:1]]
    if name == "engines":
        return [f"shard-{engine}" for engine in engines]
    return [name] if name in known else []


def plainly_named(architectures: list[Architecture]) -> list[Architecture]:
    """With only one arm in shard mode its engine need not be repeated."""
    of_shards = [one for one in architectures if one.key.startswith("shard-")]
    if len(of_shards) != 1:
        return architectures
    return [replace(one, label="shard mode") if one in of_shards else one for one in architectures]
