"""Servers of others: which there are, how each is installed and started. What fails is kept as that peer's error."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.places import PEERS, ROOT
from lab.toml_table import REQUIRED, Table, TableError, read_toml
from turbo_shard.lab.arms import Arm
from turbo_shard.lab.command_text import without_traces

CATALOGUE = ROOT / "bench/peers/peers.toml"
KINDS = {"gil": "GIL CPython", "free-threaded": "free-threaded CPython"}
# What each kind of interpreter has of the fast parts; see requirements-free-threaded.txt.
LOOPS = {"gil": "uvloop", "free-threaded": "asyncio"}
PARSERS = {"gil": "httptools", "free-threaded": "h11"}
INSTALL_TIMEOUT_S = 600
# A failure is not tried again for so long: the network's patience is not the benchmark's.
RETRY_AFTER_S = 24 * 3600
FAILURE = "installation.failed"


@dataclass(frozen=True)
class Peer:
    """One server on one kind of interpreter."""

    key: str
    label: str
    kind: str
    # "" is the environment of the frameworks.
    environment: str
    command: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return PEERS / (f"{self.kind}-{self.environment}" if self.environment else self.kind)

    def arm(self, workers: int) -> Arm:
        """{port} is left to whoever starts it."""
        places = {
            "{bin}": str(self.folder / "bin"),
            "{workers}": str(workers),
            "{loop}": LOOPS[self.kind],
            "{parser}": PARSERS[self.kind],
        }
        words = []
        for word in self.command:
            for place, value in places.items():
                word = word.replace(place, value)
            words.append(word)
        return Arm(self.key, self.label, tuple(words), is_peer=True)


def catalogue(path: Path = CATALOGUE) -> dict[str, Peer]:
    """Every peer by its key, in the file's order."""
    whole = read_toml(path)
    found: dict[str, Peer] = {}
    for table in whole.tables("peer"):
        for peer in peers_of(table):
            if peer.key in found:
                raise table.refuse("key", f"{peer.key!r} is there twice")
            found[peer.key] = peer
    whole.end()
    return found


def peers_of(table: Table) -> list[Peer]:
    key, label = table.text("key", REQUIRED), table.text("label", REQUIRED)
    kinds = table.texts("kinds", REQUIRED)
    environment = table.text("environment", "")
    command = table.texts("command", REQUIRED)
    table.end()
    if not kinds or (unknown := [kind for kind in kinds if kind not in KINDS]):
        raise table.refuse("kinds", f"{(unknown or kinds)!r}: one or more of {', '.join(KINDS)}")
    if not command or not any("{port}" in word for word in command):
        raise table.refuse("command", "has no {port}")
    return [
        Peer(f"{key}-{kind}", f"{label}, on {KINDS[kind]}", kind, environment, command)
        for kind in kinds
    ]


def chosen(names: Sequence[str], known: dict[str, Peer]) -> list[Peer]:
    """`all` is every one; raises TableError for a name that no peer has."""
    if "all" in names:
        return list(known.values())
    if unknown := [name for name in names if name not in known]:
        raise TableError(f"there is no peer {unknown[0]!r}; there are all, {', '.join(known)}")
    return [known[name] for name in names]


def install_all(peers: Sequence[Peer], say: Callable[[str], None]) -> dict[str, str]:
    """Installs what each needs, and returns by the peer's key why it cannot be had."""
    errors: dict[str, str] = {}
    tried: dict[Path, str | None] = {}
    for peer in peers:
        if peer.folder not in tried:
            tried[peer.folder] = install(peer)
            if error := tried[peer.folder]:
                say(f"peer {peer.key}: {error}")
        if error := tried[peer.folder]:
            errors[peer.key] = error
    return errors


def install(peer: Peer) -> str | None:
    """None, or why not in one line; asked again within a day it only repeats that."""
    remembered = ROOT / peer.folder / FAILURE
    if (text := recent(remembered)) is not None:
        return f"{text}; {' '.join(installer(peer.kind, peer.environment))} tries again"
    if (text := run_installer(peer.kind, peer.environment)) and remembered.parent.is_dir():
        remembered.write_text(text)
    return text


def installer(kind: str, environment: str = "") -> list[str]:
    return ["bench/peers/install.sh", kind, *filter(None, [environment])]


def run_installer(kind: str, environment: str = "") -> str | None:
    """None, or why not in one line."""
    try:
        done = subprocess.run(
            installer(kind, environment),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"could not be installed: {without_traces(str(error), ROOT)}"
    return f"could not be installed: {reason(done.stderr)}" if done.returncode else None


def recent(remembered: Path) -> str | None:
    try:
        age_s = time.time() - remembered.stat().st_mtime
        return remembered.read_text() if age_s < RETRY_AFTER_S else None
    except FileNotFoundError:
        return None


def reason(stderr: str) -> str:
    """The line that says most: pip's last error that is not about what it left out, else the last line."""
    lines = [line.strip() for line in without_traces(stderr, ROOT).splitlines() if line.strip()]
    errors = [
        line.removeprefix("ERROR: ")
        for line in lines
        if line.startswith("ERROR: ") and not line.startswith("ERROR: Ignored")
    ]
    return (errors or lines or ["no reason given"])[-1][:300]
