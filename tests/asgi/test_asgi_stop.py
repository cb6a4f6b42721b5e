"""How an ASGI app ends where its client, its startup or the person at the keyboard is in a hurry."""

from __future__ import annotations

import signal
import textwrap
from pathlib import Path

import pytest

from arms import Arm
from server_process import ServerProcess, run_command
from waiting import wait_until

STREAM = """
    PIECE = int(os.environ["PIECE"])


    class FrameworkError(Exception):
        pass


    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * PIECE, "more_body": True})
        except OSError:
            try:
                raise FrameworkError("the framework's own")
            finally:
                open("left", "w").close()
"""

STUBBORN = """
    import asyncio


    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            open("shut down", "w").close()
            return await send({"type": "lifespan.shutdown.complete"})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answered"})
        await asyncio.sleep(3600)
"""

# As sse-starlette detects the end of uvicorn.
LOOKS = """
    import asyncio, signal


    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise RuntimeError("no lifespan here")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not signal.getsignal(signal.SIGTERM).__self__.should_exit:
            await send({"type": "http.response.body", "body": b"tick", "more_body": True})
            await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": b"bye"})
"""

FAILS_AND_RAISES = """
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        raise RuntimeError("and the framework raises as well")
"""


def written(folder: Path, source: str) -> Path:
    (folder / "app.py").write_text(
        f"import os\nos.chdir({str(folder)!r})\n" + textwrap.dedent(source)
    )
    return folder


# With small pieces there is room whenever the client leaves: the app never waits, and must still learn of it.
@pytest.mark.parametrize("piece", [1, 65536])
def test_what_a_framework_makes_of_a_client_that_left_is_not_logged(
    arm: Arm, tmp_path: Path, piece: int
) -> None:
    folder = written(tmp_path, STREAM)
    options = (*arm.options, "--lifespan", "off")
    variables = {"PIECE": str(piece)}
    with ServerProcess("app:app", *options, app_dir=folder, variables=variables) as server:
        with server.connect() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            assert connection.recv(100)
        wait_until(lambda: (folder / "left").exists(), "the app hears of its client")
    assert "Traceback" not in server.log


def test_second_signal_cuts_background_work_short_and_the_shutdown_runs(
    arm: Arm, tmp_path: Path
) -> None:
    folder = written(tmp_path, STUBBORN)
    server = ServerProcess("app:app", *arm.options, "--shards", "1", app_dir=folder).start()
    with server.client() as client:
        assert client.get("/").text == "answered"
    server.signal(signal.SIGTERM)
    wait_until(lambda: "stopping" in server.log, "the first signal is heard")
    assert not (folder / "shut down").exists()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert (folder / "shut down").exists()


def test_failed_startup_is_told_in_the_last_line(tmp_path: Path) -> None:
    folder = written(tmp_path, FAILS_AND_RAISES)
    run = run_command("app:app", "--app-dir", str(folder), "--port", "0")
    assert run.returncode == 3
    assert run.stderr.splitlines()[-1] == (
        "turbo-shard: error: the app's lifespan startup failed: no database"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stream_without_end_can_see_that_the_server_stops(
    arm: Arm, tmp_path: Path, number: signal.Signals
) -> None:
    options = (*arm.options, "--shards", "2", "--graceful-timeout", "3600")
    with ServerProcess("app:app", *options, app_dir=written(tmp_path, LOOKS)) as server:
        with server.client() as client, client.stream("GET", "/") as answer:
            pieces = answer.iter_raw()
            assert next(pieces).startswith(b"tick")
            server.signal(number)
            assert b"".join(pieces).endswith(b"bye")
        assert server.wait() == 0, server.log
