"""A server with something of everything that its board shows, and a Prometheus that scrapes it: for the picture."""

from __future__ import annotations

import asyncio
import math
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parent.parent
COMMAND = ROOT / ".venv" / "bin" / "turbo-shard"
SERVER = (
    *("metrics_app:app", "--app-dir", str(ROOT / "tests" / "apps"), "--port", "0", "--shards", "2"),
    *("--metrics", "0", "--blocking-threads", "2", "--blocking-queue-max", "4"),
    *("--keep-alive-timeout", "1", "--head-timeout", "1", "--body-max", "1000"),
)
READY = re.compile(r"ready on http://127\.0\.0\.1:(\d+)")
METRICS = re.compile(r"metrics +http://(127\.0\.0\.1:\d+)/metrics")
SCRAPE_S = 1
STARTS_WITHIN_S = 60

HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class ServedBoard:
    """From `with` to its end."""

    def __init__(self) -> None:
        if shutil.which("prometheus") is None:
            sys.exit("prometheus is not installed; Debian's package is named so")
        self.ends = ExitStack()
        self.port = 0
        self.prometheus_url = ""

    def __enter__(self) -> Self:
        folder = Path(self.ends.enter_context(TemporaryDirectory(prefix="turbo-shard-board-")))
        metrics = self.start_server(folder / "server.log")
        self.start_prometheus(folder, metrics)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ends.close()

    def start_server(self, log: Path) -> str:
        """Returns where its metrics are."""
        self.start(log, [str(COMMAND), *SERVER])
        self.port = int(self.found_in(log, READY))
        return self.found_in(log, METRICS)

    def start_prometheus(self, folder: Path, metrics: str) -> None:
        settings = folder / "prometheus.yml"
        settings.write_text(
            f"global: {{scrape_interval: {SCRAPE_S}s}}\n"
            f"scrape_configs: [{{job_name: turbo-shard, static_configs: [{{targets: ['{metrics}']}}]}}]\n"
        )
        # It does not tell the port that it is given for a 0.
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        places = {"config.file": settings, "storage.tsdb.path": folder / "data"}
        options = {**places, "web.listen-address": address}
        log = folder / "prometheus.log"
        self.start(log, ["prometheus", *(f"--{name}={value}" for name, value in options.items())])
        self.found_in(log, re.compile("(Server is ready)"))
        self.prometheus_url = f"http://{address}"

    def start(self, log: Path, command: list[str]) -> None:
        with log.open("w") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, cwd=log.parent
            )

        def end() -> None:
            process.terminate()
            process.wait(STARTS_WITHIN_S)

        self.ends.callback(end)

    def found_in(self, log: Path, pattern: re.Pattern[str]) -> str:
        until = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < until:
            if found := pattern.search(log.read_text()):
                return found[1]
            time.sleep(0.1)
        sys.exit(f"{log.name} does not say {pattern.pattern!r}:\n{log.read_text()}")

    def use_for(self, seconds: float) -> None:
        asyncio.run(Clients(self.port).use_for(seconds))


class Clients:
    """Those that are served well, and some of each kind that are not."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.chance = random.Random(1)

    async def use_for(self, seconds: float) -> None:
        async with asyncio.timeout(seconds + STARTS_WITHIN_S):
            until = time.monotonic() + seconds
            async with asyncio.TaskGroup() as group:
                for _ in range(12):
                    group.create_task(self.browse(until))
                for every_s, what in (
                    (1.3, self.send_nonsense),
                    (2.1, self.send_half_a_head),
                    (1.7, self.send_too_much),
                    (0.9, self.talk),
                    (11, self.overload_the_pool),
                ):
                    group.create_task(self.again_and_again(until, every_s, what))

    async def browse(self, until: float) -> None:
        """Over connections that are kept for a while."""
        while time.monotonic() < until:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                for _ in range(self.chance.randrange(20, 400)):
                    if time.monotonic() > until:
                        break
                    await self.ask(reader, writer, self.target())
                    wave = 1 + math.sin(time.monotonic() / 12)
                    await asyncio.sleep(self.chance.expovariate(1 / (0.004 + 0.01 * wave)))
                await asyncio.sleep(self.chance.choice((0, 0, 1.5)))
            finally:
                writer.close()

    def target(self) -> str:
        kind = self.chance.random()
        number = self.chance.randrange(1000)
        for share, target in (
            (0.004, "/boom"),
            (0.0005, "/hold/90"),
            (0.0015, "/collect"),
            (0.03, "/nowhere"),
            (0.10, f"/block/{number // 25}"),
            (0.25, f"/later/{number}"),
        ):
            if kind < share:
                return target
            kind -= share
        return f"/users/{number}"

    async def ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str
    ) -> None:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: board\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)

    async def again_and_again(self, until: float, every_s: float, what: object) -> None:
        while time.monotonic() < until:
            await what()  # type: ignore[operator]
            await asyncio.sleep(self.chance.expovariate(1 / every_s))

    async def send(self, data: bytes, *, stays_s: float = 0) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await asyncio.sleep(stays_s)
        if not stays_s:
            await reader.read()
        writer.close()

    async def send_nonsense(self) -> None:
        await self.send(b"NONSENSE\r\n\r\n")

    async def send_half_a_head(self) -> None:
        await self.send(b"GET / HTTP/1.1\r\nHost:")

    async def send_too_much(self) -> None:
        head = "POST /echo HTTP/1.1\r\nHost: board\r\nContent-Length: 5000\r\nConnection: close\r\n\r\n"
        await self.send(head.encode())

    async def talk(self) -> None:
        head = f"GET /chat/a HTTP/1.1\r\nHost: board\r\n{HANDSHAKE}\r\n"
        await self.send(head.encode(), stays_s=self.chance.uniform(1, 6))

    async def overload_the_pool(self) -> None:
        head = b"GET /block/150 HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n"
        await asyncio.gather(*(self.send(head) for _ in range(30)))
