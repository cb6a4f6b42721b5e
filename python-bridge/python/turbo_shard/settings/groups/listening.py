"""Where a server listens. Rows of the table of settings."""

from ..option import Group, Kind, row


class Listening(Group, heading="listening"):
    host: str = row(
        Kind.TEXT,
        default="127.0.0.1",
        help="address or name to listen on; 0.0.0.0 and :: listen on all of IPv4 and of IPv6",
        daily=True,
    )
    port: int = row(
        Kind.WHOLE,
        default=8000,
        help="port to listen on; 0 takes a free one",
        maximum=65_535,
        common_variable="PORT",
        daily=True,
    )
    backlog: int = row(
        Kind.WHOLE,
        default=1024,
        help="connections that may wait to be accepted, of each listener; "
        "the kernel cuts it to net.core.somaxconn",
        unit="connections",
        minimum=1,
        maximum=1_000_000,
    )
