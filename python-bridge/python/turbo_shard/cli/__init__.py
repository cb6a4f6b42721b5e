"""The command `turbo-shard`: the way in, the layout of a command line, and the list of subcommands."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    # The subcommands import parts of this package, and most of them do not need this one.
    from .start import main as start

    return start(arguments)
