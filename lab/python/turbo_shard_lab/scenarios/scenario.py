"""A scenario as plain values: what is asked of which arms, what is measured, and the goals. Runs nothing."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace

from ..load.generator import Load, Question, Speech

# What a scenario measures: answers under load; how long a start takes; what an idle server costs.
LOAD, START, IDLE = "load", "start", "idle"
# What an arm is spoken to in: HTTP/1 without and with TLS, HTTP/2 by prior knowledge and as agreed on in the handshake;
# and HTTP/1 over TLS with a connection for each request, whose handshake is of one kind.
HTTP, HTTPS, H2C, H2 = "http", "https", "h2c", "h2"
HANDSHAKES = {"https-full": "full", "https-resumed": "resumed"}
SPEAKS = (HTTP, HTTPS, H2C, H2, *HANDSHAKES)
# Stands in a goal for the peer with the highest median rate of those that serve the scenario's own app.
BEST_PEER = "best-peer"
RELATIONS = {"at_least": "≥", "at_most": "≤", "below": "<"}
COMPARE = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}


@dataclass(frozen=True)
class LoadPlan:
    """How a server is asked, before its number of cores is known."""

    loop: str
    questions: tuple[Question, ...]
    connections: int | None
    connections_per_shard: int | None = None
    # Requests per second, of the whole server or for each of its cores.
    rate: float | None = None
    rate_per_server_core: float | None = None
    # Shares of the most that each arm serves.
    shares: tuple[float, ...] = ()
    arrivals: str = "poisson"
    pipeline: int = 1
    slow_read_bytes_per_second: int | None = None
    idle_connections: int = 0
    # None leaves it to turbo-load.
    answer_timeout_seconds: float | None = None
    # How turbo-load moves bytes; "" leaves it the choice.
    io: str = ""
    # Over which protocol, where an arm has none of its own.
    speaks: str = HTTP
    # Over HTTP/2: requests in flight on each connection, and connections, if not as many as over HTTP/1.
    streams: int = 1
    http2_connections: int | None = None

    def connections_for(self, shards: int) -> int:
        return self.connections or (self.connections_per_shard or 1) * shards

    def rate_for(self, server_cores: int) -> float | None:
        if self.rate_per_server_core is not None:
            return self.rate_per_server_core * server_cores
        return self.rate

    def spoken(self, load: Load, speaks: str) -> Load:
        """The load of an arm that speaks this; "" is the scenario's own."""
        speaks = speaks or self.speaks
        is_http2 = speaks in (H2C, H2)
        speech = Speech(
            tls=speaks not in (HTTP, H2C),
            handshakes=HANDSHAKES.get(speaks, ""),
            streams=self.streams if is_http2 else 0,
        )
        connections = (self.http2_connections if is_http2 else None) or load.connections
        # HTTP/2 has one way only.
        io = "" if is_http2 else self.io
        return replace(load, speech=speech, connections=connections, io=io)


@dataclass(frozen=True)
class Variant:
    """One way of starting arms. What is empty here is the scenario's."""

    key: str
    label: str
    arms: tuple[str, ...]
    options: tuple[str, ...] = ()
    # Whether the label is all of the arm's name, and does not follow the architecture's.
    is_named_alone: bool = False
    speaks: str = ""
    app: str = ""
    app_dir: str = ""
    questions: tuple[Question, ...] = ()
    shards: int | None = None
    server_cores: str = ""


@dataclass(frozen=True)
class PeerApp:
    """A peer that serves another app than its own."""

    key: str
    label: str
    peer: str
    app: str


@dataclass(frozen=True)
class Goal:
    """A figure that is wanted of some arms, by itself or divided by others; without a limit it is only shown."""

    # Arms as the file names them; () means all of ours that stand in `arms`.
    over: tuple[str, ...]
    # The mean of these, or of the one.
    under: tuple[str, ...]
    metric: str
    relation: str = ""
    limit: float = 0.0
    label: str = ""
    # Left out on an interpreter that was named.
    own_interpreter: bool = False

    @property
    def text(self) -> str | None:
        return f"{self.relation} {self.limit:g}" if self.relation else None

    def is_met(self, value: float) -> bool | None:
        return bool(COMPARE[self.relation](value, self.limit)) if self.relation else None


@dataclass(frozen=True)
class Step:
    """A sum of arms, as the file names them, each with its factor."""

    label: str
    how: str
    arms: tuple[tuple[str, float], ...]
    # The parts sum up to the last of them; others are what a request may have besides.
    is_part: bool


@dataclass(frozen=True)
class Scenario:
    """One question to an app, on several arms."""

    key: str
    # The file's name without its ending.
    file_key: str
    title: str
    question: str
    app: str
    app_dir: str
    options: tuple[str, ...]
    load: LoadPlan
    # A second load that runs meanwhile; its answers are checked too, its latencies are not part of the question.
    beside: LoadPlan | None
    server_cores: str
    load_cores: str
    # None: as many as the server has cores.
    shards: int | None
    arms: tuple[str, ...]
    variants: tuple[Variant, ...]
    peers: tuple[str, ...]
    # The arm to compare the others with; by default the first.
    baseline: str | None
    metrics: tuple[str, ...]
    rounds: int
    seconds: float
    warm_up_seconds: float
    # Measured only when it is named.
    on_request: bool
    measures: str = LOAD
    # By which interface ours serve, and the peers that serve any app; "" leaves it to the server.
    interface: str = ""
    # Whether the app needs what is installed beside the frameworks.
    framework: bool = False
    # Only where threads have no GIL in common.
    free_threaded_only: bool = False
    peer_apps: tuple[PeerApp, ...] = ()
    goals: tuple[Goal, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def interface_of_peers(self) -> str:
        """The interface by which peers serve the scenario's app."""
        return "websocket" if any(one.websocket for one in self.load.questions) else self.interface

    def with_peers(self, peers: tuple[str, ...]) -> Scenario:
        """Without any, those that serve another app are left out too."""
        return replace(self, peers=peers)
