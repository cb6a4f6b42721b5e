"""What a service manager such as systemd gives a server and hears of it, shown with a manager that this test plays."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from places import APPS, COMMAND
from server_process import ServerProcess
from turbo_shard.serving import service_manager
from turbo_shard.settings import SettingsError, settings_from
from waiting import TIMEOUT_S, wait_until

MODES = ["shard", "steal", "process"]
# Becomes the command with the sockets as descriptors 3 and on, as a service manager starts it.
STARTER = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",") if fd]
moved = [os.dup(fd) for fd in fds]
high = [os.dup2(fd, 200 + place) for place, fd in enumerate(moved)]
for place, fd in enumerate(high):
    os.dup2(fd, 3 + place, inheritable=True)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(fds))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """Hears what servers tell it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + path[1:] if path.startswith("@") else path)
        self.socket.settimeout(TIMEOUT_S)

    def hear(self) -> dict[str, str]:
        lines = self.socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def until(self, word: str) -> dict[str, str]:
        while True:
            heard = self.hear()
            if word in heard:
                return heard

    def hears_nothing(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT_S)
        return False


@pytest.fixture
def manager() -> Iterator[Manager]:
    with TemporaryDirectory(prefix="ts-") as directory:
        manager = Manager(str(Path(directory) / "notify"))
        with manager.socket:
            yield manager


def started_by_manager(
    *options: str,
    app: str = "asgi_app:app",
    app_dir: Path = APPS,
    sockets: tuple[socket.socket, ...] = (),
    **variables: str,
) -> ServerProcess:
    fds = tuple(one.fileno() for one in sockets)
    command = (sys.executable, "-c", STARTER, ",".join(map(str, fds)), str(COMMAND))
    server = ServerProcess(app, *options, app_dir=app_dir, command=command, variables=variables)
    if "--bind" not in options:
        place = server.arguments.index("--port")
        del server.arguments[place : place + 2]
    server.pass_fds = fds
    return server


@pytest.mark.parametrize("mode", MODES)
def test_a_manager_hears_of_readiness_and_of_the_stop(mode: str, manager: Manager) -> None:
    options = ("--mode", mode, "--shards", "2", "--bind", "127.0.0.1:0")
    with started_by_manager(*options, NOTIFY_SOCKET=manager.path) as server:
        heard = manager.hear()
        assert heard["READY"] == "1"
        assert heard["STATUS"] == f"serving on {server.url}"
        assert heard["MAINPID"] == str(server.pid)
        server.signal(signal.SIGTERM)
        assert manager.hear() == {"STOPPING": "1", "STATUS": "stopping"}


def test_a_manager_with_an_abstract_address_hears_as_well() -> None:
    manager = Manager(f"@turbo-shard-notify-{os.getpid()}")
    options = ("--shards", "1", "--bind", "127.0.0.1:0")
    with manager.socket, started_by_manager(*options, NOTIFY_SOCKET=manager.path):
        assert manager.hear()["READY"] == "1"


@pytest.mark.parametrize("mode", ["shard", "process"])
def test_signs_of_life_come_while_every_shard_turns_and_end_when_one_does_not(
    mode: str, manager: Manager, tmp_path: Path
) -> None:
    app = tmp_path / "stuck_app.py"
    app.write_text(
        "import time\nfrom pathlib import Path\nfrom turbo_shard import App\napp = App()\n\n"
        "@app.get('/stuck')\nasync def stuck() -> str:\n"
        f"    while not Path({str(tmp_path / 'go')!r}).exists():\n        time.sleep(0.05)\n"
        "    return 'on'\n"
    )
    options = ("--mode", mode, "--shards", "2", "--bind", "127.0.0.1:0")
    variables = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "3000000"}
    server = started_by_manager(*options, app="stuck_app:app", app_dir=tmp_path, **variables)
    with server:
        assert manager.hear()["READY"] == "1"
        assert manager.hear() == {"WATCHDOG": "1"}
        with server.connect() as stuck:
            stuck.sendall(b"GET /stuck HTTP/1.0\r\n\r\n")
            said = wait_until(
                lambda: [line for line in server.lines if "no sign of life" in line], "the remark"
            )
            assert "does not turn" in said[0]
            while not manager.hears_nothing():
                pass
            (tmp_path / "go").touch()
            assert stuck.recv(12) == b"HTTP/1.1 200"
        assert manager.hear() == {"WATCHDOG": "1"}


@pytest.mark.parametrize("mode", MODES)
def test_given_sockets_take_the_place_of_the_default_address(mode: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        started_by_manager("--mode", mode, "--shards", "2", sockets=(one, two)) as server,
    ):
        assert server.port == one.getsockname()[1]
        for given in (one, two):
            with socket.create_connection(given.getsockname(), TIMEOUT_S) as client:
                client.sendall(b"GET /scope HTTP/1.0\r\n\r\n")
                assert client.recv(12) == b"HTTP/1.1 200"


def test_given_sockets_are_served_beside_binds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        options = ("--shards", "1", "--bind", "127.0.0.1:0")
        with started_by_manager(*options, sockets=(given,)) as server:
            assert server.port != given.getsockname()[1]
            with socket.create_connection(given.getsockname(), TIMEOUT_S) as client:
                client.sendall(b"GET /scope HTTP/1.0\r\n\r\n")
                assert client.recv(12) == b"HTTP/1.1 200"


def binds(names: tuple[str, ...], **values: object) -> tuple[str, ...]:
    return service_manager.with_sockets(settings_from(values), names).bind


def test_names_say_which_socket_a_bind_means() -> None:
    names = ("http", "health", "http")
    assert binds(names) == ("fd://3", "fd://4", "fd://5")
    assert binds(names, bind=["fd://http"]) == ("fd://3", "fd://5", "fd://4")
    assert binds(names, bind=["fd://4"]) == ("fd://4", "fd://3", "fd://5")
    assert binds(names, port=80) == ("127.0.0.1:80", "fd://3", "fd://4", "fd://5")
    assert binds((), port=80) == ()
    with pytest.raises(SettingsError, match="no socket of that name"):
        binds(names, bind=["fd://admin"])


def test_what_was_given_to_another_process_is_not_taken_and_children_hear_of_nothing() -> None:
    environment = {
        "LISTEN_PID": "1",
        "LISTEN_FDS": "2",
        "WATCHDOG_PID": "1",
        "WATCHDOG_USEC": "1000000",
        "NOTIFY_SOCKET": "/run/notify",
        "HOME": "/root",
    }
    assert service_manager.take(environment) == ((), "/run/notify", 0.0)
    assert environment == {"HOME": "/root"}
    own = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a"}
    assert service_manager.take(own | {"WATCHDOG_USEC": "5000000"}) == (("a", ""), "", 5.0)
    assert service_manager.take({"LISTEN_PID": "x", "LISTEN_FDS": "y"}) == ((), "", 0.0)
