"""Limits and time-outs of connections and requests. Rows of the table of settings."""

from ..option import Group, Kind, row
from .bounds import SECONDS_MAX


class Limits(Group, heading="limits and time-outs"):
    # Idle connections cost under 2 KiB each: 32 MiB per shard.
    connections_max: int = row(
        Kind.WHOLE,
        default=16_384,
        help="open connections of each shard; beyond it a connection is answered 503",
        unit="connections",
        minimum=1,
        maximum=10_000_000,
    )
    limit_concurrency: int | None = row(
        Kind.WHOLE,
        default=None,
        help="requests of the whole server that may be in flight, a WebSocket being one; beyond it 503 with "
        "Retry-After, at once and without the app; in mode process each worker has its share, rounded up",
        unit="requests",
        minimum=1,
        maximum=1_000_000_000,
        default_text="no limit",
    )
    graceful_timeout: float = row(
        Kind.SECONDS,
        default=30.0,
        help="how long a stop waits for exchanges in flight",
        unit="seconds",
        maximum=SECONDS_MAX,
        daily=True,
    )
    # As long as nginx keeps them.
    keep_alive_timeout: float = row(
        Kind.SECONDS,
        default=75.0,
        help="how long a connection may wait for its next request",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
        daily=True,
    )
    # A stranger gets less patience than a peer that has already asked for something.
    head_timeout: float = row(
        Kind.SECONDS,
        default=10.0,
        help="how long a request's head may take to arrive, and a new connection to say anything; then 408",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    )
    body_timeout: float = row(
        Kind.SECONDS,
        default=30.0,
        help="longest pause within a request's body; then 408",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    )
    write_timeout: float = row(
        Kind.SECONDS,
        default=30.0,
        help="how long a client may take nothing of its answer; then the connection is cut",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    )
    # What package uploads, WebDAV and photographs need, and what the proxies in front of most sites let through.
    body_max: int = row(
        Kind.BYTES,
        default=100 * 1024**2,
        help="largest request body, also written 512K or 16MiB; beyond it 413",
        unit="bytes",
        maximum=2**40,
        daily=True,
    )
    # What browsers and proxies send is far smaller; nginx takes 32 KiB by default too. 1 MiB is what its workspace may
    # cost a connection at most.
    head_max: int = row(
        Kind.BYTES,
        default=32 * 1024,
        help="largest head of a request (request line and header fields); beyond it 431",
        unit="bytes",
        minimum=1024,
        maximum=1024**2,
    )
    # As in hyper and gunicorn. The parser's table of fields lies on the stack (HEADER_FIELDS_CEILING).
    head_fields_max: int = row(
        Kind.WHOLE,
        default=100,
        help="most header fields of a request; beyond it 431",
        unit="fields",
        minimum=1,
        maximum=256,
    )
    # Browsers and proxies stop at about this length.
    url_max: int = row(
        Kind.BYTES,
        default=8 * 1024,
        help="longest path and query of a request, less than --head-max; beyond it 414",
        unit="bytes",
        minimum=64,
        maximum=512 * 1024,
    )
    http2: bool = row(
        Kind.SWITCH,
        default=True,
        help="speak HTTP/1 only; otherwise HTTP/2 too, where a client agrees on it over TLS or begins with it",
        negative=True,
        paired=True,
    )
    # What RFC 9113 asks for at least, and what nginx and browsers are content with.
    http2_streams_max: int = row(
        Kind.WHOLE,
        default=100,
        help="requests that may be in flight on one HTTP/2 connection; those beyond are refused unheard, and clients "
        "send them again",
        unit="requests",
        minimum=1,
        maximum=1000,
    )
