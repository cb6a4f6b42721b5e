"""What the tests' servers and clients speak: HTTP/1.1, or what TEST_OVER names, for suites that do not mind.

    TEST_OVER=h2 .venv/bin/python -m pytest tests/frameworks

RawClient and WebSockets go on to speak HTTP/1.1, over TLS where there is TLS.
"""

from __future__ import annotations

import functools
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from certificates import Certificate, localhost


class Wire(NamedTuple):
    has_tls: bool
    has_http2: bool


WIRES = {
    "": Wire(has_tls=False, has_http2=False),
    "tls": Wire(has_tls=True, has_http2=False),
    "h2": Wire(has_tls=True, has_http2=True),
    "h2c": Wire(has_tls=False, has_http2=True),
}
WIRE = WIRES[os.environ.get("TEST_OVER", "")]


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Kept until the process ends."""
    return tempfile.TemporaryDirectory(prefix="turbo-shard-tests-")


@functools.cache
def certificate() -> Certificate:
    """Of every server that has none of its own."""
    return localhost(Path(_folder().name))


def server_options(options: tuple[str, ...]) -> tuple[str, ...]:
    """What a server is started with beyond its own options."""
    is_own = any(option.startswith("--ssl-") for option in options)
    return certificate().options if WIRE.has_tls and not is_own else ()


def trusting(*protocols: str) -> ssl.SSLContext:
    """A client's context; clients with a mind of their own say themselves what they speak."""
    context = ssl.create_default_context(cafile=str(certificate().pem))
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def httpx_settings() -> dict[str, Any]:
    """Without TLS there is nothing to agree on, so a client that may speak HTTP/2 knows nothing else."""
    settings: dict[str, Any] = {"http1": not WIRE.has_http2, "http2": WIRE.has_http2}
    return settings | ({"verify": trusting()} if WIRE.has_tls else {})
