"""Servers of others: which there are, how to install and start each. A failure is kept as that peer's error."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..command_text import without_traces
from ..compare.arms import Arm
from .interpreter import FREE_THREADED, GIL
from .places import PEERS
from .scenario import SPEAKS
from .toml_table import REQUIRED, Table, TableError, read_toml

CATALOGUE = Path("bench/peers/peers.toml")
KINDS = {GIL: "GIL CPython", FREE_THREADED: "free-threaded CPython"}
# Fast parts that every interpreter has except turbo-shard's default one, free-threaded CPython 3.13; see
# requirements-free-threaded.txt.
LOOP, PARSER = "uvloop", "httptools"
LOOPS = {FREE_THREADED: "asyncio"}
PARSERS = {FREE_THREADED: "h11"}
INTERFACES = ("asgi", "wsgi", "websocket")
APP, HTTP_ONLY = "{app}", "{http_only}"
INSTALL_TIMEOUT_S = 600
# A failure is not tried again for so long: the benchmark must not wait for the network each time.
RETRY_AFTER_S = 24 * 3600
FAILURE = "installation.failed"


@dataclass(frozen=True)
class Peer:
    """One server on one kind of interpreter, or on none: then `kind` is empty."""

    key: str
    label: str
    kind: str
    # "" is the environment of the frameworks.
    environment: str
    command: tuple[str, ...]
    # The key without the kind.
    name: str = ""
    # The interfaces by which it serves any app, where the command has {app}.
    serves: tuple[str, ...] = ()
    app: str = ""
    http_only: tuple[str, ...] = ()
    # Serves something else than all the others do.
    is_apart: bool = False
    # If it is not spoken to as the scenario says.
    speaks: str = ""
    # A version, where the interpreter is not the kind's own.
    version: str = ""

    @property
    def interpreter(self) -> str:
        return self.version or self.kind

    @property
    def folder(self) -> Path:
        return PEERS / "-".join(filter(None, [self.interpreter, self.environment]))

    def on(self, version: str) -> Peer:
        """The same server on an interpreter of that version; "" is the kind's own."""
        return replace(self, version=version)

    def arm(self, workers: int) -> Arm:
        """Leaves {port} for the code that starts it."""
        return Arm(self.key, self.label, self.serving(self.app, workers), is_peer=True)

    def serving(self, app: str, workers: int, *, websocket: bool = False) -> tuple[str, ...]:
        """The command that serves an app of bench/peers."""
        places = {
            "{bin}": str(self.folder / "bin"),
            "{workers}": str(workers),
            "{loop}": LOOPS.get(self.interpreter, LOOP),
            "{parser}": PARSERS.get(self.interpreter, PARSER),
            APP: app,
        }
        words: list[str] = []
        for word in self.command:
            if word == HTTP_ONLY:
                words += () if websocket else self.http_only
                continue
            for place, value in places.items():
                word = word.replace(place, value)
            words.append(word)
        return tuple(words)


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
    kinds = table.texts("kinds")
    environment = table.text("environment", "")
    command = table.texts("command", REQUIRED)
    serves, app = table.texts("serves"), table.text("app", "")
    http_only = table.texts("http_only")
    is_apart = table.flag("apart")
    speaks = table.text("speaks", "", choices=SPEAKS)
    table.end()
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise table.refuse("kinds", f"{unknown!r}: one or more of {', '.join(KINDS)}")
    if not kinds and not environment:
        raise table.refuse("environment", "is what a peer without kinds is installed by")
    if not command or not any("{port}" in word for word in command):
        raise table.refuse("command", "has no {port}")
    if strange := [name for name in serves if name not in INTERFACES]:
        raise table.refuse("serves", f"{strange[0]!r} is none of {', '.join(INTERFACES)}")
    if len({bool(serves), bool(app), any(APP in word for word in command)}) > 1:
        raise table.refuse("serves", "goes with app and with {app} in the command")
    if bool(http_only) != (HTTP_ONLY in command):
        raise table.refuse("http_only", "goes with {http_only} in the command")
    return [
        Peer(
            f"{key}-{kind}" if kind else key,
            f"{label}, on {KINDS[kind]}" if kind else label,
            kind,
            environment,
            command,
            key,
            serves,
            app,
            http_only,
            is_apart,
            speaks,
        )
        for kind in kinds or ("",)
    ]


def chosen(names: Sequence[str], known: dict[str, Peer]) -> list[Peer]:
    """`all` means all that serve the same; raises TableError for a name that no peer has."""
    if "all" in names:
        return [peer for peer in known.values() if not peer.is_apart]
    if unknown := [name for name in names if name not in known]:
        raise TableError(f"there is no peer {unknown[0]!r}; there are all, {', '.join(known)}")
    return [known[name] for name in names]


def install_all(
    peers: Sequence[Peer], say: Callable[[str], None], python: Path | None = None
) -> dict[str, str]:
    """Installs what each needs, and returns by peer key why one cannot be installed. `python` is the interpreter of
    peers with a version of their own."""
    errors: dict[str, str] = {}
    tried: dict[Path, str | None] = {}
    for peer in peers:
        if peer.folder not in tried:
            tried[peer.folder] = install(peer, python if peer.version else None)
            if error := tried[peer.folder]:
                say(f"peer {peer.key}: {error}")
        if error := tried[peer.folder]:
            errors[peer.key] = error
    return errors


def install(peer: Peer, python: Path | None = None) -> str | None:
    """None, or why not in one line; asked again within a day, it only repeats the answer."""
    remembered = peer.folder / FAILURE
    if (text := recent(remembered)) is not None:
        return f"{text}; {' '.join(installer(peer.interpreter, peer.environment))} tries again"
    text = run_installer(peer.interpreter, peer.environment, python)
    if text and remembered.parent.is_dir():
        remembered.write_text(text)
    return text


def installer(interpreter: str, environment: str = "") -> list[str]:
    return ["bench/peers/install.sh", *filter(None, [interpreter, environment])]


def run_installer(
    interpreter: str, environment: str = "", python: Path | None = None
) -> str | None:
    """None, or why not in one line."""
    try:
        done = subprocess.run(
            installer(interpreter, environment),
            env=os.environ | ({"BENCH_PYTHON": str(python)} if python else {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"could not be installed: {without_traces(str(error))}"
    return f"could not be installed: {reason(done.stderr)}" if done.returncode else None


def recent(remembered: Path) -> str | None:
    try:
        age_s = time.time() - remembered.stat().st_mtime
        return remembered.read_text() if age_s < RETRY_AFTER_S else None
    except FileNotFoundError:
        return None


def reason(stderr: str) -> str:
    """The most telling line: pip's last error that is not about what it left out, else the last line."""
    lines = [line.strip() for line in without_traces(stderr).splitlines() if line.strip()]
    errors = [
        line.removeprefix("ERROR: ")
        for line in lines
        if line.startswith("ERROR: ") and not line.startswith("ERROR: Ignored")
    ]
    return (errors or lines or ["no reason given"])[-1][:300]
