"""Which proxies are believed when they say who asked them. Rows of the table of settings."""

from collections.abc import Sequence

from ..option import Group, Kind, row


class Proxies(Group, heading="behind a proxy"):
    proxy_headers: bool = row(
        Kind.SWITCH,
        default=True,
        help="leave Forwarded and X-Forwarded-* alone; else apps see the client's address, scheme, host and path as "
        "trusted proxies tell them",
        negative=True,
        paired=True,
    )
    forwarded_allow_ips: Sequence[str] = row(
        Kind.PEERS,
        default=("127.0.0.1", "::1", "unix"),
        help="proxies that are trusted: addresses, networks such as 10.0.0.0/8, unix for every peer on a Unix socket, "
        "* for all peers; with commas, or several times",
        common_variable="FORWARDED_ALLOW_IPS",
        daily=True,
    )
