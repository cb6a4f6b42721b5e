"""turbo-shard on an ordinary CPython, one with a GIL: mode process serves, mode shard warns.

Apart from the other tests: `make test-gil` builds what this needs (scripts/install_gil_build.sh) and runs it.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from places import ROOT
from raw_http import RawClient
from raw_websocket import TEXT, Frame, frame, open_websocket
from server_process import ServerProcess
from waiting import wait_until

COMMAND = ROOT / "target/gil/venv/bin/turbo-shard"
PROCESS = ("--mode", "process", "--shards", "2")
ENGINES = ("tokio", "glommio")


def server(app: str, *options: str, **variables: str) -> ServerProcess:
    return ServerProcess(app, *options, command=(str(COMMAND),), variables=variables)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> tuple[str, str]:
    return ("--engine", request.param)


def test_native_app_is_served_by_processes(engine: tuple[str, str], tmp_path: Path) -> None:
    variables = {"GATE_DIR": str(tmp_path)}
    with server("process_app:app", *PROCESS, *engine, **variables) as served:
        assert "with a GIL, GIL ON" in served.log
        assert "warning" not in served.log
        with RawClient(served) as raw:
            said = json.loads(raw.get("/worker").answer().body)
            assert (said["gil"], said["is_main"]) == (True, True)
            raw.get("/slow")
            wait_until(lambda: "slow: called" in served.log, "the request")
            # Other requests are served while it waits.
            with RawClient(served) as other:
                assert other.get("/worker").answer().status == 200
            (tmp_path / "slow").touch()
            assert json.loads(raw.answer().body) == {"pid": said["pid"]}
    assert served.log.count("shutdown of ") == 2


def test_gates_streams_and_blocking_routes(engine: tuple[str, str], tmp_path: Path) -> None:
    """With one worker, whose pool and whose main thread share its GIL."""
    options = ("--mode", "process", "--shards", "1", *engine)
    with server("probe_app:app", *options, GATE_DIR=str(tmp_path)) as served:
        targets = ["/gated/one", "/blocking/one", "/stream/async/one"] * 4
        clients = [RawClient(served).get(target) for target in targets]
        with RawClient(served) as other:
            wait_until(
                lambda: other.get("/counts").answer().body.count(b'one":4') == 2,
                "all handlers to be called",
            )
        (tmp_path / "one").touch()
        for client in clients:
            assert client.answer().status == 200
            client.socket.close()
        with RawClient(served) as raw:
            assert raw.get("/long?pieces=64").answer().status == 200


def test_asgi_app_is_served_by_processes(engine: tuple[str, str]) -> None:
    with server("asgi_app:app", *PROCESS, *engine) as served, RawClient(served) as raw:
        body = b"x" * 100_000
        raw.send(
            b"POST /do/echo HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        answer = raw.answer()
        assert answer.status == 200
        assert body in answer.body


def test_wsgi_app_is_served_by_processes(engine: tuple[str, str], tmp_path: Path) -> None:
    options = ("--interface", "wsgi", *PROCESS, *engine)
    with server("wsgi_app:app", *options, GATE_DIR=str(tmp_path)) as served:
        for _ in range(20):
            with RawClient(served) as raw:
                assert raw.get("/counts").answer().status == 200


def test_websocket_is_served_by_processes(engine: tuple[str, str]) -> None:
    with (
        server("websocket_app:app", *PROCESS, *engine) as served,
        open_websocket(served, "/echo") as raw,
    ):
        raw.send(frame(TEXT, b"hello"))
        assert raw.frame() == Frame(TEXT, b"hello")
        raw.say_goodbye()


def test_lifespan_failure_has_its_status() -> None:
    served = server("lifespan_app:app", *PROCESS, LIFESPAN="fails")
    served.launch()
    assert served.wait() == 3
    assert served.lines[-1].endswith("the app's lifespan startup failed: no database here")


def test_worker_that_is_killed_is_replaced(engine: tuple[str, str]) -> None:
    with server("process_app:app", "--mode", "process", "--shards", "1", *engine) as served:
        (pid,) = served.serving_pids
        os.kill(pid, signal.SIGKILL)
        with RawClient(served) as raw:
            assert json.loads(raw.get("/worker").answer().body)["pid"] != pid


def test_handler_that_keeps_the_gil_does_not_keep_the_server() -> None:
    options = ("--mode", "process", "--shards", "1", "--graceful-timeout", "0")
    served = server("process_app:app", *options).start()
    (pid,) = served.serving_pids
    with RawClient(served) as raw:
        raw.get("/keep-gil")
        wait_until(lambda: "keeping the GIL" in served.log, "the handler")
        served.signal(signal.SIGTERM)
        assert served.wait() == 0
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("mode", ["shard", "steal"])
def test_other_modes_serve_with_a_warning(mode: str) -> None:
    with server("process_app:app", "--mode", mode, "--shards", "2") as served:
        warning = "turbo-shard: warning: the GIL is on, so that shards run Python one at a time"
        assert warning in served.log
        assert "--mode process" in served.log
        for _ in range(20):
            with RawClient(served) as raw:
                assert raw.get("/worker").answer().status == 200
