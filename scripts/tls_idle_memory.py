"""Starts a server, opens connections that ask once and then wait, and says what each takes of its memory.

    python scripts/tls_idle_memory.py [--connections 4000] [--engine uring] [--mode shard] [--plain]

With --plain the same without TLS, for the difference.
"""

from __future__ import annotations

import argparse
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

APP = Path(__file__).parents[1] / "examples"
REQUEST = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
READY = re.compile(r"ready on https?://([\d.]+):(\d+) \(pid (\d+)\)")
# The client's own descriptors, besides those of connections.
SPARE_FILES = 64
# Before measuring, what a process takes once: buffers, and memory that its allocator keeps.
WARM_UP = 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=4000)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--mode", default="shard")
    parser.add_argument("--plain", action="store_true")
    chosen = parser.parse_args()
    allow_files(chosen.connections + WARM_UP + SPARE_FILES)
    command = [
        *(sys.executable, "-m", "turbo_shard", "multi_route_app:app", "--app-dir", str(APP)),
        *("--port", "0", "--shards", "1", "--mode", chosen.mode, "--engine", chosen.engine),
        *(() if chosen.plain else ("--ssl-self-signed",)),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            host, port, pid = started(server)
            kept = [connected(host, port, chosen.plain) for _ in range(WARM_UP)]
            before = resident_bytes(pid)
            kept += [connected(host, port, chosen.plain) for _ in range(chosen.connections)]
            after = resident_bytes(pid)
            each = (after - before) / chosen.connections
            print(f"{chosen.connections} idle connections: {each:,.0f} bytes each")
            for connection in kept:
                connection.close()
        finally:
            server.send_signal(signal.SIGTERM)
    return 0


def allow_files(count: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, most), most))


def started(server: subprocess.Popen[str]) -> tuple[str, int, int]:
    """Where it listens, and the process that serves."""
    assert server.stderr is not None
    for line in server.stderr:
        if found := READY.search(line):
            pid = int(found[3])
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            return found[1], int(found[2]), int(children[0]) if children else pid
    raise SystemExit("the server has not started")


def connected(host: str, port: int, is_plain: bool) -> socket.socket:
    """A connection that has had one answer."""
    client = socket.create_connection((host, port), timeout=20)
    if not is_plain:
        client = TRUSTING.wrap_socket(client)
    client.sendall(REQUEST)
    if not client.recv(4096).startswith(b"HTTP/1.1 200"):
        raise SystemExit("the answer is not the expected one")
    return client


def trusting() -> ssl.SSLContext:
    """The certificate is one that the server has just made for itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


TRUSTING = trusting()


def resident_bytes(pid: int) -> int:
    """Of the process, once that stands still."""
    last = -1
    while True:
        status = Path(f"/proc/{pid}/status").read_text()
        [line] = re.findall(r"^VmRSS:\s+(\d+) kB$", status, flags=re.MULTILINE)
        if int(line) == last:
            return last * 1024
        last = int(line)
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
