"""Checks how trusted peers are written: addresses, networks and two words. Knows no setting."""

from __future__ import annotations

import re

EXAMPLE = "127.0.0.1,10.0.0.0/8,unix"


def checked_peers(words: tuple[str, ...]) -> tuple[str, ...]:
    """What cannot be one is a ValueError, whose text is for a person."""
    for fault in filter(None, map(peer_fault, words)):
        raise ValueError(fault)
    return words


def peer_fault(word: str) -> str:
    """What is wrong with one of them, or nothing."""
    if word in ("*", "unix"):
        return ""
    # Slow to import, and most servers trust the default alone.
    from ipaddress import ip_address, ip_network

    address, slash, length = word.partition("/")
    try:
        ip = ip_address(address)
    except ValueError:
        return f"{word!r} is no address and no network (such as 10.0.0.0/8)"
    if "%" in address:
        return f"{word!r}: an address that is trusted has no zone"
    if not slash:
        return ""
    if re.fullmatch(r"\d{1,3}", length, flags=re.ASCII) is None or int(length) > ip.max_prefixlen:
        return f"{word!r}: the length of the network is 0 to {ip.max_prefixlen}"
    network = ip_network(word, strict=False)
    if network.network_address != ip:
        return f"{word!r} is an address within a network; the network is {network}"
    return ""
