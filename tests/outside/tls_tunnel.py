"""Lends TLS to programs that have none: each plain connection goes on to a server over TLS."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from certificates import Certificate
from server_process import ServerProcess

PIECE_BYTES = 65_536
# Suites open all their connections at once.
BACKLOG = 1000


class TlsTunnel:
    """From `__enter__` to `__exit__`; `address` is where it listens."""

    def __init__(self, server: ServerProcess, certificate: Certificate, protocol: str) -> None:
        """`protocol` is what is agreed on (ALPN)."""
        self.server, self.protocol = server, protocol
        self.context = ssl.create_default_context(cafile=str(certificate.pem))
        self.context.set_alpn_protocols([protocol])
        self.address = ""
        self.loop = asyncio.new_event_loop()
        # What is cut off on either side is for the program and the server to judge.
        self.loop.set_exception_handler(lambda _loop, _what: None)
        self.thread = threading.Thread(target=self.run)
        self.is_listening = threading.Event()

    def __enter__(self) -> Self:
        self.thread.start()
        self.is_listening.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def run(self) -> None:
        start = asyncio.start_server(self.carry, "127.0.0.1", 0, backlog=BACKLOG)
        listener = self.loop.run_until_complete(start)
        self.address = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        self.is_listening.set()
        self.loop.run_forever()
        listener.close()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left))
        self.loop.close()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secured, to_server = await asyncio.open_connection(
            self.server.host, self.server.port, ssl=self.context, server_hostname="localhost"
        )
        spoken = to_server.get_extra_info("ssl_object").selected_alpn_protocol()
        assert spoken == self.protocol
        # The end of either side is the end of both: TLS of asyncio cannot close one direction only.
        copies = [
            asyncio.create_task(copy(reader, to_server)),
            asyncio.create_task(copy(secured, writer)),
        ]
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        for one in (to_server, writer):
            one.close()


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(PIECE_BYTES):
            target.write(piece)
            await target.drain()
