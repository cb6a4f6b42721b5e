"""Servers on machines that have IPv6 switched off, or nothing else: network namespaces."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server_process import ServerProcess, without_times
from waiting import TIMEOUT_S

LOOPBACK = b"lo"
# From <linux/sockios.h> and <linux/if.h>.
SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8914, 0x8916, 1
SWITCHES = Path("/proc/sys/net/ipv6/conf")


def raise_loopback(control: socket.socket) -> None:
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", LOOPBACK, IFF_UP))


def enter_without_v6() -> None:
    """For a child process: a machine with 127.0.0.1 only."""
    os.unshare(os.CLONE_NEWNET)
    for name in ("all", "default", "lo"):
        (SWITCHES / name / "disable_ipv6").write_text("1")
    with socket.socket() as control:
        raise_loopback(control)


def enter_without_v4() -> None:
    """For a child process: a machine with ::1 only."""
    os.unshare(os.CLONE_NEWNET)
    with socket.socket() as control:
        raise_loopback(control)
        none = struct.pack("16sHH4s8x", LOOPBACK, socket.AF_INET, 0, bytes(4))
        fcntl.ioctl(control, SIOCSIFADDR, none)


def may_have_namespaces() -> bool:
    tried = subprocess.run([sys.executable, "-c", ""], preexec_fn=try_to_enter)
    return tried.returncode == 0


def try_to_enter() -> None:
    try:
        enter_without_v6()
    except OSError:
        os._exit(1)


pytestmark = pytest.mark.skipif(
    not may_have_namespaces(), reason="no right to a network namespace of its own"
)


def listening(bind: str, enter: Callable[[], None]) -> ServerProcess:
    return ServerProcess("asgi_app:app", "--shards", "1", "--bind", bind, prepare=enter)


def answer(server: ServerProcess, address: str) -> bytes:
    """What a client of the same machine gets."""

    def ask() -> bytes:
        # Of this thread only, which ends then.
        namespace = os.open(f"/proc/{server.pid}/ns/net", os.O_RDONLY)
        try:
            os.setns(namespace, os.CLONE_NEWNET)
        finally:
            os.close(namespace)
        with socket.create_connection((address, server.port), timeout=TIMEOUT_S) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            return client.recv(12)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask).result()


def test_every_address_is_those_of_ipv4_and_that_is_said() -> None:
    with listening("*:0", enter_without_v6) as server:
        assert (
            f"IPv6 is switched off on this machine: *:{server.port} listens on IPv4 only"
            in server.log
        )
        assert "[::]" not in server.log
        assert answer(server, "127.0.0.1") == b"HTTP/1.1 200"


def test_every_address_of_ipv6_is_reached_over_ipv4_and_that_is_said() -> None:
    with listening("[::]:0", enter_without_v6) as server:
        assert re.search(
            r"IPv6 is switched off on this machine: \[::\]:\d+ is reached over IPv4 only",
            server.log,
        )
        assert f"http://[::]:{server.port} (here: http://127.0.0.1:{server.port})" in server.log
        assert answer(server, "127.0.0.1") == b"HTTP/1.1 200"


def test_an_address_of_ipv6_is_refused() -> None:
    server = listening("[::1]:0", enter_without_v6)
    server.launch()
    assert server.wait() == 2
    assert without_times(server.log) == (
        "turbo-shard: error: cannot listen on [::1]:0: "
        "IPv6 is switched off on this machine; listen on an IPv4 address"
    )


def test_a_name_stands_for_the_address_that_is_there() -> None:
    with listening("localhost:0", enter_without_v6) as server:
        assert server.host == "127.0.0.1"
    named = {place[4][0] for place in socket.getaddrinfo("localhost", 0)}
    if "::1" in named:
        with listening("localhost:0", enter_without_v4) as server:
            assert server.host == "::1"
            assert answer(server, "::1") == b"HTTP/1.1 200"


def test_every_address_is_there_without_ipv4() -> None:
    with listening("*:0", enter_without_v4) as server:
        assert answer(server, "::1") == b"HTTP/1.1 200"
