"""A site: one of the proxies, and two servers of tests/apps/deployed_app.py behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from proxies import Certificate, Proxy, free_ports
from server_process import ServerProcess, run_command

# Each server and its machine, which has the same port for metrics as the other one.
SERVERS = {"a": "127.0.0.11", "b": "127.0.0.12"}


@dataclass(frozen=True)
class Site:
    proxy: Proxy
    servers: list[ServerProcess]
    stats: list[Path]

    def connections_accepted(self) -> int:
        """By all shards of both servers since their start."""
        shown = [run_command("stats", str(path), "--json").stdout for path in self.stats]
        return sum(
            shard["connections_accepted"] for text in shown for shard in json.loads(text)["shards"]
        )


@contextmanager
def proxied_site(
    kind: type[Proxy],
    certificate: Certificate,
    marks_folder: Path,
    folder: Path,
    *,
    bind: str = "{address}:0",
    changes: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """Starts the servers and the proxy with its file of examples/deploy, and ends them.

    `bind` is where a server listens, with {folder}, {name} and {address}; `changes` are those of a `Proxy`.
    """
    stats = [folder / f"{name}.stats" for name in SERVERS]
    [health_port] = free_ports(1)
    with ExitStack() as stack:
        servers = [
            ServerProcess(
                "deployed_app:app",
                *("--shards", "2", "--stats-socket", str(path)),
                *("--bind", bind.format(folder=folder, name=name, address=address)),
                *("--metrics", f"{address}:{health_port}"),
                variables={"MARKS_DIR": str(marks_folder)},
            )
            for (name, address), path in zip(SERVERS.items(), stats, strict=True)
        ]
        for server in servers:
            server.launch()
            stack.callback(server.stop)
        for server in servers:
            server.wait_until_ready()
        upstreams = [
            kind.unix.format(path=server.path, address=address)
            if server.path
            else f"{address}:{server.port}"
            for address, server in zip(SERVERS.values(), servers, strict=True)
        ]
        proxy = kind(upstreams, certificate, folder / "proxy", changes, health_port)
        yield Site(stack.enter_context(proxy), servers, stats)
