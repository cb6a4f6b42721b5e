"""systemd gives a server its listening socket: systemd-socket-activate does what a socket unit does."""

from __future__ import annotations

import signal
import subprocess

import httpx

from places import APPS, COMMAND
from proxies import free_ports, program, unpacked_environment
from waiting import TIMEOUT_S, wait_until


def test_server_answers_on_the_socket_that_systemd_gives() -> None:
    [port] = free_ports(1)
    # It starts the server at the first connection, in its own place.
    process = subprocess.Popen(
        [
            program("systemd-socket-activate"),
            f"--listen=127.0.0.1:{port}",
            *(str(COMMAND), "deployed_app:app", "--app-dir", str(APPS), "--shards", "2"),
        ],
        env=unpacked_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}/tell"

        def answers() -> httpx.Response | None:
            try:
                return httpx.get(url, trust_env=False, timeout=TIMEOUT_S)
            except httpx.ConnectError:
                return None

        told = wait_until(answers, "an answer through systemd's socket").json()
        assert (told["pid"], told["server"]) == (process.pid, ["127.0.0.1", port])
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
