"""The folders that the table of layers names often."""

from __future__ import annotations

from borders import Outside

PROTOCOL = "runtime/protocol/src"
RING = "runtime/ring/src"
RUNTIME = "runtime/src"
BRIDGE = "python-bridge/src"
PACKAGE = "python-bridge/python/turbo_shard"
LAB = "lab/python/turbo_shard_lab"

TESTING = Outside("pytest", ("pytest",))


def within(root: str, *names: str) -> list[str]:
    """`within("a", ".", "b")` is a and a/b."""
    return [root if name == "." else f"{root}/{name}" for name in names]
