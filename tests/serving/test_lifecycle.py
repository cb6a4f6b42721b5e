"""A server's life: ready, served by, left by clients, asked to stop, stopped. Nothing that was accepted is lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from arms import Arm
from places import EXAMPLES
from raw_http import CutShort, RawClient
from server_process import READY_LINE, ServerProcess, environment
from shard_apps import app_of
from turbo_shard import App, serve
from waiting import wait_until


def open_connections(server: ServerProcess) -> int:
    """Open connections except the one that asks."""
    with RawClient(server) as raw:
        rows = raw.get("/stats", "Connection: close").answer().body
    return sum(row["connections_open"] for row in json.loads(rows)) - 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_with_status_0(arm: Arm, start_server, number: signal.Signals) -> None:
    server = start_server("probe_app:app", *arm.options)
    server.signal(number)
    assert server.wait() == 0
    assert "Traceback" not in server.log


def test_exchange_in_flight_is_finished_before_the_end(arm: Arm, gates: Path, start_server) -> None:
    server = start_server("probe_app:app", *arm.options, *arm.shards_in_one_process(2))
    name = f"in-flight-{server.pid}"
    kinds = [f"/gated/{name}", f"/blocking/{name}", f"/stream/async/{name}"] * 4
    clients = [RawClient(server).get(target) for target in kinds]
    with RawClient(server) as other:
        wait_until(
            lambda: other.get("/counts").answer().body.count(b'%s":4' % name.encode()) == 2,
            "all handlers to be called",
        )
    server.signal(signal.SIGTERM)
    wait_until(server.refuses_connections, "the listeners to be closed")
    assert server.process.poll() is None
    (gates / name).touch()
    for client, target in zip(clients, kinds, strict=True):
        answer = client.answer()
        assert answer.status == 200
        assert answer.body == b"firstsecond" or name.encode() in answer.body
        assert client.rest() == b"", f"{target} was answered by a server that is leaving"
        # The server waits for a moment whether a client has more to say; this one hangs up.
        client.socket.close()
    assert server.wait() == 0


def test_idle_connections_do_not_keep_a_server_from_ending(arm: Arm, start_server) -> None:
    server = start_server("probe_app:app", *arm.options)
    idle = [RawClient(server) for _ in range(20)]
    for client in idle[:10]:
        client.get("/who").answer()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    for client in idle:
        assert client.rest() == b""


def test_graceful_timeout_bounds_the_stop(arm: Arm, start_server) -> None:
    options = (*arm.options, *arm.shards_in_one_process(2), "--graceful-timeout", "0.2")
    server = start_server("probe_app:app", *options)
    with RawClient(server) as stuck, RawClient(server) as other:
        stuck.get("/gated/never-opened")
        wait_until(lambda: b"never-opened" in other.get("/counts").answer().body, "the handler")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_stops_at_once(arm: Arm, start_server, number: signal.Signals) -> None:
    options = (*arm.options, *arm.shards_in_one_process(2), "--graceful-timeout", "3600")
    server = start_server("probe_app:app", *options)
    with RawClient(server) as stuck, RawClient(server) as other:
        stuck.get("/gated/never-opened")
        wait_until(lambda: b"never-opened" in other.get("/counts").answer().body, "the handler")
        server.signal(number)
        wait_until(server.refuses_connections, "the first signal to work")
        assert server.process.poll() is None
        server.signal(number)
        server.wait()
    assert "panicked" not in server.log


class Caller(threading.Thread):
    """Asks for one thing after another and notes every request that was sent before the stop and never answered."""

    def __init__(self, server: ServerProcess, target: str, stop_asked: threading.Event) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.target = target
        self.stop_asked = stop_asked
        self.answered = 0
        self.lost: list[str] = []

    def run(self) -> None:
        try:
            while True:
                self.talk()
        except ConnectionRefusedError:
            return
        except Exception as error:
            self.lost.append(repr(error))

    def talk(self) -> None:
        """One connection, until it ends."""
        try:
            raw = RawClient(self.server)
        except (ConnectionResetError, TimeoutError):
            # Never accepted: nothing was promised.
            return
        with raw:
            while True:
                asked_before = False
                try:
                    raw.get(self.target)
                    # Looked up only after the bytes have left: a request that counts was sent in time.
                    asked_before = not self.stop_asked.is_set()
                    answer = raw.answer()
                except (CutShort, OSError) as error:
                    if asked_before:
                        self.lost.append(f"{self.target}: {error!r}")
                    return
                if answer.status != 200:
                    self.lost.append(f"{self.target}: status {answer.status}")
                self.answered += 1
                if answer.header("connection") == "close" or self.answered % 10 == 0:
                    return


def test_stop_under_load_loses_no_request_that_was_sent_before_it(arm: Arm, start_server) -> None:
    server = start_server("multi_route_app:app", *arm.options, "--shards", "2", app_dir=EXAMPLES)
    stop_asked = threading.Event()
    targets = ["/users/7", "/async/users/7", "/async/stream", "/health"] * 4
    callers = [Caller(server, target, stop_asked) for target in targets]
    for caller in callers:
        caller.start()
    wait_until(lambda: all(caller.answered >= 20 for caller in callers), "load from every caller")
    stop_asked.set()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    for caller in callers:
        caller.join(30)
        assert not caller.is_alive()
    assert [loss for caller in callers for loss in caller.lost] == []
    assert "panicked" not in server.log


def test_pipelined_requests_that_have_arrived_are_answered_before_the_end(
    arm: Arm, gates: Path, start_server
) -> None:
    server = start_server("probe_app:app", *arm.options, "--shards", "1")
    name = f"pipeline-{server.pid}"
    with RawClient(server) as raw, RawClient(server) as other:
        # One write: a reader of the first request has the others too.
        lines = "HTTP/1.1\r\nHost: t\r\n\r\n"
        raw.send(f"GET /gated/{name} {lines}GET /who {lines}GET /who {lines}".encode())
        wait_until(lambda: name.encode() in other.get("/counts").answer().body, "the handler")
        server.signal(signal.SIGTERM)
        wait_until(server.refuses_connections, "the stop to begin")
        (gates / name).touch()
        first = raw.answer()
        assert first.status == 200
        if first.header("connection") != "close":
            assert raw.answer().status == 200
    assert server.wait() == 0


def test_client_that_leaves_before_its_answer_leaves_nothing_open(
    probe: ServerProcess, gates: Path
) -> None:
    name = f"left-{probe.pid}"
    leaving = [RawClient(probe).get(f"/gated/{name}") for _ in range(20)]
    with RawClient(probe) as other:
        wait_until(
            lambda: b'"gated/%s":20' % name.encode() in other.get("/counts").answer().body,
            "the handlers to run",
        )
    for raw in leaving:
        raw.socket.close()
    # A client that has finished sending may still be reading: only writing to it tells.
    (gates / name).touch()
    wait_until(lambda: open_connections(probe) == 0, "the connections to be gone")
    with RawClient(probe) as other:
        assert other.get("/who").answer().status == 200
    assert "panicked" not in probe.log


def test_client_that_leaves_in_the_middle_of_an_answer_leaves_nothing_open(
    probe: ServerProcess,
) -> None:
    for _ in range(5):
        with RawClient(probe) as raw:
            raw.get("/long?pieces=256").take(1000)
    wait_until(lambda: open_connections(probe) == 0, "the connections to be gone")


def test_client_that_leaves_in_the_middle_of_its_request_leaves_nothing_open(
    probe: ServerProcess,
) -> None:
    for part in (
        b"",
        b"GET",
        b"GET /who HTTP/1.1\r\nHo",
        b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nab",
    ):
        RawClient(probe).send(part).socket.close()
    wait_until(lambda: open_connections(probe) == 0, "the connections to be gone")


@pytest.mark.parametrize("target", ["/raise", "/async/raise"])
def test_handler_that_raises_is_answered_500_and_logged(probe: ServerProcess, target: str) -> None:
    with RawClient(probe) as raw:
        answer = raw.get(target).answer()
        assert (answer.status, answer.body) == (500, b'{"detail":"Internal Server Error"}')
        # The connection lives on: the exchange was whole.
        assert raw.get("/who").answer().status == 200
    log = wait_until(
        lambda: "ValueError: a secret that only the log may see" in probe.log and probe.log,
        "the log",
    )
    assert "Traceback (most recent call last):" in log
    assert "probe_app.py" in log


def test_ctrl_c_before_ready_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\n"
        "from turbo_shard import App\n"
        "app = App()\n"
        "pathlib.Path(__file__).with_name('importing').touch()\n"
        "time.sleep(60)\n"
    )
    server = ServerProcess("slow:app", app_dir=tmp_path)
    server.launch()
    wait_until((tmp_path / "importing").exists, "the app to be imported")
    server.signal(signal.SIGINT)
    assert server.wait() == 130
    assert server.log == ""


def test_ctrl_c_while_shards_start_leaves_nothing_behind(arm: Arm, tmp_path: Path) -> None:
    # A shard asks the app for its plans when it starts; this app takes its time.
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\n"
        "from turbo_shard import App\n"
        "here = pathlib.Path(__file__).parent\n"
        "class Slow(App):\n"
        "    def plans(self):\n"
        "        (here / 'starting').touch()\n"
        "        while not (here / 'go').exists():\n"
        "            time.sleep(0.002)\n"
        "        return super().plans()\n"
        "app = Slow()\n"
    )
    server = ServerProcess("slow:app", *arm.options, app_dir=tmp_path)
    server.launch()
    wait_until((tmp_path / "starting").exists, "a shard to start")
    server.signal(signal.SIGINT)
    wait_until(lambda: "stopping" in server.log, "the signal to be heard")
    (tmp_path / "go").touch()
    assert server.wait() == 130
    assert "ready on" not in server.log
    assert "Traceback" not in server.log


def test_app_s_own_signal_handlers_run_while_it_serves(
    arm: Arm, tmp_path: Path, start_server
) -> None:
    if arm.mode == "steal":
        return  # nothing of Python runs on its main thread, which is where handlers do
    app_of(
        tmp_path,
        "import signal\n"
        "signal.signal(signal.SIGUSR1, lambda *_: print('app: heard', file=sys.stderr, flush=True))\n"
        "def answer(path): os.kill(os.getpid(), signal.SIGUSR1)\n",
    )
    server = start_server("app:app", *arm.options, "--shards", "1", app_dir=tmp_path)
    for times in (1, 2):
        with RawClient(server) as raw:
            assert raw.get("/").answer().status == 200
        wait_until(lambda times=times: server.lines.count("app: heard") == times, "the handler")
    assert server.stop() == 0


def test_serve_blocks_until_stopped_and_may_be_called_again(tmp_path: Path) -> None:
    (tmp_path / "twice.py").write_text(
        "import signal\n"
        "from turbo_shard import App, serve\n"
        "app = App()\n"
        "@app.get('/')\n"
        "def index(): return 'hello'\n"
        "def had():\n"
        "    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]\n"
        "before = had()\n"
        "for _ in range(2):\n"
        "    serve(app, port=0, shards=1)\n"
        "    assert had() == before\n"
        "print('the end', flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "twice.py")],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            while not READY_LINE.match(line := process.stderr.readline().rstrip("\n")):
                assert line or process.poll() is None
            process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
    assert (process.returncode, output) == (0, "the end\n"), errors


def test_serve_refuses_another_thread() -> None:
    refused: list[BaseException] = []

    def call() -> None:
        try:
            serve(App(), port=0)
        except RuntimeError as error:
            refused.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(30)
    assert "main thread" in str(refused[0])


def test_server_that_says_it_is_ready_refuses_nobody(arm: Arm) -> None:
    for _ in range(3):
        server = ServerProcess("multi_route_app:app", *arm.options, app_dir=EXAMPLES)
        with server, RawClient(server) as raw:
            assert raw.get("/health").answer().status == 200
