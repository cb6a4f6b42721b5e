"""An app's error stays visible, whatever the app has done to logging, on every interface."""

from __future__ import annotations

import pytest

from raw_http import RawClient
from server_process import StartServer
from waiting import wait_until

LOST = ["disabled", "no-handlers", "null-handler", "logger-level", "handler-level", "all-disabled"]


@pytest.mark.parametrize("mode", ["shard", "process"])
@pytest.mark.parametrize("interface", ["native", "wsgi", "asgi"])
@pytest.mark.parametrize("quiet", LOST)
def test_error_that_logging_would_lose_is_among_the_servers_lines(
    start_server: StartServer, mode: str, interface: str, quiet: str
) -> None:
    options = ("--mode", mode, "--shards", "1", "--interface", interface)
    server = start_server(f"quiet_app:{interface}", *options, variables={"QUIET": quiet})
    with RawClient(server) as raw:
        assert raw.get("/fails").answer().status == 500
    wait_until(lambda: "ValueError: only the log may see this" in server.log, "the error")
    lines = [line for line in server.lines if " ERROR " in line]
    assert "GET /fails" in lines[0]
    assert "the app's logging shows no errors" in lines[0]
    assert any("quiet_app.py" in line for line in lines), "the traceback"


@pytest.mark.parametrize("interface", ["native", "wsgi", "asgi"])
def test_error_that_logging_shows_is_there_once(start_server: StartServer, interface: str) -> None:
    options = ("--shards", "1", "--interface", interface)
    server = start_server(f"quiet_app:{interface}", *options, variables={"QUIET": "heard"})
    with RawClient(server) as raw:
        assert raw.get("/fails").answer().status == 500
    wait_until(lambda: "ValueError: only the log may see this" in server.log, "the error")
    assert server.log.count("ValueError: only the log may see this") == 1
    assert "the app's own: turbo_shard.error" in server.log
    assert not any(" ERROR " in line for line in server.lines)
