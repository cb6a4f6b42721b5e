"""Which versions a peer runs with: the first of its pins, and its interpreter; of a program its own.

Installs nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..measure.machine import output_of
from .interpreter import python_of
from .peers import Peer

PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)$", re.MULTILINE)
# In a file of pins, the lines below it are only dependencies.
BELOW = "# Brought in by the above."


def versions_of(peer: Peer) -> str:
    """`hypercorn 0.18.0, uvloop 0.23.0; CPython 3.13.5`, or `nginx version: nginx/1.22.1`."""
    if not peer.kind:
        return output_of([str(peer.folder / "bin" / peer.environment), "-v"])
    text = pins_of(peer).read_text().partition(BELOW)[0]
    pinned = ", ".join(f"{one['name']} {one['version']}" for one in PIN.finditer(text))
    return f"{pinned}; {interpreter(peer)}"


def pins_of(peer: Peer) -> Path:
    """The pins of its interpreter's version if that has some, as bench/peers/install.sh does it."""
    below = Path("bench/peers")
    own = peer.version and (below / f"requirements-{peer.version}.txt").exists()
    pins = peer.version if own else peer.kind
    if peer.environment:
        return below / "pins" / pins / f"{peer.environment}.txt"
    return below / f"requirements-{pins}.txt"


def interpreter(peer: Peer) -> str:
    # CPython 3.11.7 (main, …
    return python_of(peer.folder / "bin" / "python").partition(" (")[0]
