"""A site: one of the proxies, and two servers of tests/apps/deployed_app.py behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from proxies import Certificate, Proxy
from server_process import ServerProcess, run_command

SERVERS = ("a", "b")


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
    bind: str = "127.0.0.1:0",
    changes: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """Starts the servers and the proxy with its file of examples/deploy, and ends them.

    `bind` is where a server listens, with {folder} and {name}; `changes` are those of a `Proxy`.
    """
    stats = [folder / f"{name}.stats" for name in SERVERS]
    with ExitStack() as stack:
        servers = [
            ServerProcess(
                "deployed_app:app",
                *("--shards", "2", "--stats-socket", str(path)),
                *("--bind", bind.format(folder=folder, name=name)),
                variables={"MARKS_DIR": str(marks_folder)},
            )
            for name, path in zip(SERVERS, stats, strict=True)
        ]
        for server in servers:
            server.launch()
            stack.callback(server.stop)
        for server in servers:
            server.wait_until_ready()
        upstreams = [
            f"{kind.unix}{server.path}" if server.path else f"127.0.0.1:{server.port}"
            for server in servers
        ]
        proxy = kind(upstreams, certificate, folder / "proxy", changes)
        yield Site(stack.enter_context(proxy), servers, stats)
