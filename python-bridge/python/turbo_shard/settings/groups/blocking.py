"""Threads for handlers that block. Rows of the table of settings."""

from typing import Literal

from ..option import Group, Kind, row


class Blocking(Group, heading="blocking handlers and WSGI"):
    blocking_threads: int = row(
        Kind.WHOLE,
        default=8,
        help="threads for routes marked blocking=True and for WSGI apps",
        unit="threads",
        minimum=1,
        maximum=1024,
    )
    blocking_queue_max: int = row(
        Kind.WHOLE,
        default=1024,
        help="requests that may wait for such a thread; beyond it 503",
        unit="requests",
        minimum=1,
        maximum=1_000_000,
    )
    wsgi_threads: int | None = row(
        Kind.WHOLE,
        default=None,
        help="threads that call a WSGI app, of each shard",
        unit="threads",
        minimum=1,
        maximum=1024,
        default_text="as many as --blocking-threads",
    )
    wsgi_inline: Literal["auto", "always", "never"] = row(
        Kind.CHOICE,
        default="auto",
        help="whether a WSGI app is called on the shard's own thread, without a hand-over; "
        "auto: for routes whose calls have been short and waited for nothing",
    )
