"""Shards, engine and balance. Rows of the table of settings."""

from typing import Literal

from ..option import Group, Kind, row
from .bounds import SHARDS_MAX


class Architecture(Group, heading="shards and engine"):
    shards: int | None = row(
        Kind.WHOLE,
        default=None,
        help="number of shards, each with its own thread, listener and event loop; in mode process also with its own "
        "process; more than there are cores is allowed",
        minimum=1,
        maximum=SHARDS_MAX,
        default_text="one per core that this process may use",
        common_variable="WEB_CONCURRENCY",
        daily=True,
    )
    mode: Literal["shard", "steal", "process"] = row(
        Kind.CHOICE,
        default="shard",
        help="architecture; shard: one pinned executor per core; "
        "steal: one work-stealing runtime on the same number of threads; "
        "process: one process per core, with one shard each",
        daily=True,
    )
    engine: Literal["auto", "tokio", "glommio", "uring"] = row(
        Kind.CHOICE,
        default="auto",
        help="what moves the bytes; auto takes the fastest that works here",
    )
    pin: bool = row(
        Kind.SWITCH,
        default=True,
        help="leave the shards' threads to the scheduler",
        negative=True,
    )
    balance: Literal["hash", "least"] = row(
        Kind.CHOICE,
        default="hash",
        help="which shard serves a new connection; hash: the one that the kernel chooses by the addresses; "
        "least: the one with the fewest connections",
    )
    steer: Literal["hash", "cpu", "address"] = row(
        Kind.CHOICE,
        default="hash",
        help="how the kernel chooses a shard for a new connection; cpu: the shard pinned to the CPU that took "
        "its first packet; address: always the same one for the same address of a client",
    )
    rebalance: bool = row(
        Kind.SWITCH,
        default=False,
        help="have a shard that is busier than the others ask some of its clients to come back elsewhere",
    )
