"""How many requests plans have answered, for proofs that would otherwise prove nothing.

Of how apps are compiled it knows what a plan is given.
"""

from __future__ import annotations

from typing import Any

from turbo_shard.compile.fastapi import adopted
from turbo_shard.compile.fastapi.scope_call import ScopeCall

count = 0


class CountedCall(ScopeCall):
    """What every plan is given; the plans of an app may stand before its middleware or behind."""

    __slots__ = ()

    def __init__(self, *arguments: Any) -> None:
        global count
        count += 1
        super().__init__(*arguments)


def start_counting() -> None:
    adopted.ScopeCall = CountedCall  # type: ignore[misc]
