"""What supervisor and worker say to each other: one packet of JSON each. Knows neither of the two.

The supervisor's order comes first, and the worker's news answers it. After that the supervisor sends one of two words,
which the worker's native side hears (`python-bridge/src/server/worker_link.rs`).
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

DRAIN = b"drain"
STOP_NOW = b"stop now"
REOPEN = b"reopen"

# A packet must fit into a socket's send buffer, by default 208 KiB.
PACKET_BYTES_MAX = 160 * 1024
# A character takes twelve bytes of JSON at worst.
REPORT_CHARACTERS_MAX = 8 * 1024
MESSAGE_CHARACTERS_MAX = 4 * 1024

# The app cannot be loaded, its own startup has failed, the server cannot start; what a worker that has served died of.
APP_FAILED = "app failed"
LIFESPAN_FAILED = "lifespan failed"
START_FAILED = "start failed"
DIED = "died"
# The app is imported (and how it is served); connections are accepted; no more of them are, and a successor may.
LOADED = "loaded"
READY = "ready"
# To be said once for the server.
NOTE = "note"
RETIRES = "retires"
# Its event loop has turned, lately; for a service manager that watches.
TURNS = "turns"
# All were told to stop; how many requests the worker has in flight.
DRAINS = "drains"


class ListenerFd(NamedTuple):
    """A listener that a worker inherits."""

    fd: int
    is_shared: bool
    is_lent: bool
    expects_proxy_protocol: bool
    speaks_tls: bool
    # Where its clients are led, by the port.
    redirects_to: int | None


class Order(NamedTuple):
    """All that a worker needs to know."""

    reference: str
    worker: int
    core: int | None
    listeners: list[ListenerFd]
    restarts: int
    # How long the service manager waits for signs of life; 0 if it waits for none.
    watchdog_s: float
    # What `Settings` holds.
    settings: dict[str, Any]
    # What was read for TLS by the process that may read it: a file without a name, or -1.
    tls_fd: int
    # Where the supervisor's Python looks for modules, and what its command line was.
    path: list[str]
    argv: list[str]

    def packet(self) -> bytes:
        return json.dumps(self._asdict()).encode()

    @staticmethod
    def read(packet: bytes) -> Order:
        order = Order(**json.loads(packet))
        # JSON knows no tuples.
        return order._replace(listeners=[ListenerFd(*one) for one in order.listeners])


class News(NamedTuple):
    """What became of a worker."""

    event: str
    message: str = ""
    # The user's own traceback.
    report: str = ""
    # How the worker's Python serves the app.
    interface: str = ""
    python: str = ""

    def packet(self) -> bytes:
        # The end of a traceback says the most.
        short = self._replace(
            message=self.message[:MESSAGE_CHARACTERS_MAX],
            report=self.report[-REPORT_CHARACTERS_MAX:],
        )
        return json.dumps({name: text for name, text in short._asdict().items() if text}).encode()

    @staticmethod
    def read(packet: bytes) -> News:
        return News(**json.loads(packet))
