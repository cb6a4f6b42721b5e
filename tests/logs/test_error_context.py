"""An app's error is logged in the context (contextvars) of the request that raised it, like its own log lines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arms import Arm
from raw_http import RawClient
from raw_websocket import handshake
from refused_apps import write
from server_process import ServerProcess
from waiting import wait_until

APP = """\
import asyncio, contextvars, logging, sys

number = contextvars.ContextVar("number", default="nobody")


class Numbered(logging.Formatter):
    def format(self, record):
        return f"{record.getMessage()} is number {number.get()}"


handler = logging.StreamHandler(sys.stderr)
handler.setFormatter(Numbered())
logging.getLogger("turbo_shard.error").addHandler(handler)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    _, when, name = scope["path"].split("/")
    number.set(name)
    if when == "late":
        await asyncio.sleep(0.001)
    if when == "answered":
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})
    raise ValueError("of the test")
"""


@pytest.fixture(scope="module")
def raising(arm: Arm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("raising")
    write(folder, "app.py", APP)
    with ServerProcess("app:app", *arm.options, "--shards", "2", app_dir=folder) as server:
        yield server


@pytest.mark.parametrize("when", ["early", "late", "answered"])
def test_error_is_logged_in_its_requests_context(raising: ServerProcess, when: str) -> None:
    names = [f"{when}-{number}" for number in range(6)]
    for name in names:
        with RawClient(raising) as raw:
            assert raw.get(f"/{when}/{name}").answer().status == (
                200 if when == "answered" else 500
            )
    wait_until(
        lambda: all(f"GET /{when}/{name} is number {name}" in raising.log for name in names),
        "the lines",
    )


@pytest.mark.parametrize("when", ["early", "late"])
def test_error_of_a_websocket_is_logged_in_its_context(raising: ServerProcess, when: str) -> None:
    with RawClient(raising) as raw:
        raw.send(handshake(f"/{when}/socket"))
        assert raw.answer().status == 500
    wait_until(lambda: f"WebSocket /{when}/socket is number socket" in raising.log, "the line")
