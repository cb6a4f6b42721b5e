"""Where plain HTTP is led to https from, as `--redirect-http` takes it:

    80                 a port, at the address that listens with TLS
    0.0.0.0:80         [::]:80   localhost:80   :80 (every address)
    80,to=443          the port of the URLs that clients are led to, where another one stands before ours
    80,proxy           connections begin with a PROXY protocol header

Opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .binds import Bind, host_and_port


def redirect_place(text: str, binds: Sequence[Bind], host: str) -> str:
    """`HOST:PORT`, where `*` is every address, with the options as they were. ValueError says what is wrong."""
    address, *options = (part.strip() for part in text.split(","))
    if re.fullmatch(r"\d{1,5}", address, re.ASCII):
        address = f"{host_of(binds, host)}:{address}"
    own_host, port = host_and_port(address)
    for option in options:
        word, _, value = option.partition("=")
        is_port = re.fullmatch(r"\d{1,5}", value, re.ASCII) and 0 < int(value) <= 65_535
        if option != "proxy" and not (word == "to" and is_port):
            raise ValueError(f"{option!r} is neither proxy nor to=443")
    if len(options) != len({option.partition("=")[0] for option in options}):
        raise ValueError("an option stands there twice")
    return ",".join([f"{own_host or '*'}:{port}", *options])


def host_of(binds: Sequence[Bind], host: str) -> str:
    """That of the first place with a port."""
    if not binds:
        return f"[{host}]" if ":" in host else host
    for bind in binds:
        if bind.kind in ("tcp", "every"):
            return bind.host or "*"
    raise ValueError("no place to listen names an address; write one, as in 0.0.0.0:80")
