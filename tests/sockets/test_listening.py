"""Servers that listen in several places, on Unix sockets, and on sockets that they were started with."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from unix_clients import client_of, listens, scope_of

from arms import Arm
from server_process import ServerProcess, run_command
from waiting import TIMEOUT_S, wait_until


@pytest.fixture
def directory() -> Iterator[Path]:
    # Short: a socket's path has 107 bytes.
    with TemporaryDirectory(prefix="ts-") as path:
        yield Path(path)


def error_line(*options: str) -> str:
    run = run_command("asgi_app:app", "--app-dir", "tests/apps", *options)
    assert run.returncode == 2
    [line] = [line for line in run.stderr.splitlines() if line.startswith("turbo-shard: error")]
    return line


def tcp_urls(server: ServerProcess) -> list[str]:
    [line] = [line for line in server.lines if line.strip().startswith("url ")]
    return re.findall(r"http://[^\s,()]+", re.sub(r"\(here: [^)]*\)", "", line))


def test_every_address_is_served_and_shown(arm: Arm, directory: Path) -> None:
    path = str(directory / "app.sock")
    binds = ("--bind", f"unix:{path},mode=600", "--bind", "127.0.0.1:0", "--bind", "[::1]:0")
    with ServerProcess("asgi_app:app", *arm.options, "--shards", "2", *binds) as server:
        assert server.path == path
        assert os.stat(path).st_mode & 0o777 == 0o600
        with client_of(path) as client:
            scope = scope_of(client)
            assert (scope["client"], scope["server"]) == (None, (path, None))
        for url in tcp_urls(server):
            with httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False) as client:
                host, port = scope_of(client)["server"]
                assert url == f"http://[{host}]:{port}" or url == f"http://{host}:{port}"
        assert len(tcp_urls(server)) == 2
    assert not os.path.exists(path)


def test_every_address_of_the_machine_is_both_families(arm: Arm) -> None:
    with ServerProcess("asgi_app:app", *arm.options, "--shards", "2", "--bind", ":0") as server:
        v4, v6 = tcp_urls(server)
        assert v4.startswith("http://0.0.0.0:") and v6 == v4.replace("0.0.0.0", "[::]")
        for local in ("127.0.0.1", "[::1]"):
            url = v4.replace("0.0.0.0", local)
            with httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False) as client:
                # IPv4 clients are not shown as ::ffff:127.0.0.1.
                assert scope_of(client)["client"][0] == local.strip("[]")


def test_a_wsgi_app_sees_no_client_and_a_host_of_its_own(arm: Arm, directory: Path) -> None:
    path = str(directory / "app.sock")
    app = directory / "plain_wsgi.py"
    app.write_text(
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    names = ('REMOTE_ADDR', 'SERVER_NAME', 'SERVER_PORT')\n"
        "    return [repr([environ.get(name) for name in names]).encode()]\n"
    )
    options = ("--interface", "wsgi", *arm.options, "--shards", "1", "--bind", f"unix:{path}")
    with (
        ServerProcess("plain_wsgi:app", *options, app_dir=directory),
        client_of(path) as client,
    ):
        assert client.get("/").text == "['', 'localhost', '80']"


def test_an_abstract_name_is_served(arm: Arm) -> None:
    name = f"@turbo-shard-{os.getpid()}-{arm.mode}-{arm.engine}"
    options = (*arm.options, "--shards", "2", "--bind", f"unix:{name}")
    with ServerProcess("asgi_app:app", *options), client_of(name) as client:
        assert scope_of(client)["server"] == (name, None)


def test_a_killed_servers_socket_is_taken_over_and_a_live_ones_is_not(directory: Path) -> None:
    path = str(directory / "app.sock")
    bind = ("--shards", "1", "--bind", f"unix:{path}")
    killed = ServerProcess("asgi_app:app", *bind).start()
    assert "another server listens there" in error_line(*bind)
    assert listens(path), "the live one goes on"
    killed.signal(signal.SIGKILL)
    killed.wait()
    assert os.path.exists(path) and not listens(path)
    with ServerProcess("asgi_app:app", *bind), client_of(path) as client:
        assert client.get("/scope").status_code == 200


def test_a_socket_that_another_server_has_replaced_stays(directory: Path) -> None:
    path = str(directory / "app.sock")
    with ServerProcess("asgi_app:app", "--shards", "1", "--bind", f"unix:{path}"):
        os.unlink(path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            other.listen()
    assert os.path.exists(path)


def test_workers_take_turns_at_a_unix_socket(directory: Path) -> None:
    path = str(directory / "app.sock")
    app = directory / "who_app.py"
    app.write_text(
        "import os\nfrom turbo_shard import App\napp = App()\n\n"
        "@app.get('/')\ndef who() -> int:\n    return os.getpid()\n"
    )
    options = ("--mode", "process", "--shards", "2", "--bind", f"unix:{path}")
    with ServerProcess("who_app:app", *options, app_dir=directory) as server:
        answered = []
        for _ in range(40):
            with client_of(path) as client:
                answered.append(int(client.get("/").text))
        counts = {pid: answered.count(pid) for pid in server.serving_pids}
        assert sum(counts.values()) == 40
        assert min(counts.values()) >= 10, counts


def test_an_inherited_socket_is_served_and_stays_open(arm: Arm) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        fd = given.fileno()
        options = (*arm.options, "--shards", "2", "--bind", f"fd://{fd}")

        def server() -> ServerProcess:
            made = ServerProcess("asgi_app:app", *options)
            made.pass_fds = (fd,)
            return made

        with server() as first:
            assert first.port == given.getsockname()[1]
            with first.client() as client:
                assert client.get("/scope").status_code == 200
        # Nobody accepts, and the socket listens: the next server will.
        with socket.create_connection(given.getsockname(), timeout=TIMEOUT_S) as waiting:
            waiting.sendall(b"GET /scope HTTP/1.0\r\n\r\n")
            with server():
                assert waiting.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("mode", ["shard", "steal", "process"])
def test_nothing_is_left_where_one_of_several_places_cannot_be_had(
    mode: str, directory: Path
) -> None:
    path = directory / "app.sock"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ("--mode", mode, "--bind", f"unix:{path}", "--bind", f"127.0.0.1:{port}")
        assert "is in use by another process" in error_line(*options)
    assert not path.exists()


@pytest.mark.parametrize(
    ("bind", "said"),
    [
        ("192.0.2.1:80", "192.0.2.1 is no address of this machine"),
        ("unix:/nowhere/app.sock", "there is no directory /nowhere; make it first"),
        (f"unix:/tmp/{'x' * 108}", "a Unix socket's may have 107"),
        ("unix:/dev/null", "exists and is no socket"),
        ("fd://99", "the process was not started with that descriptor"),
        ("fd://1", "0, 1 and 2 are the standard streams"),
    ],
)
def test_what_cannot_be_listened_on_is_one_line(bind: str, said: str) -> None:
    line = error_line("--bind", bind)
    assert line.startswith("turbo-shard: error: cannot listen on ")
    assert said in line


def test_familiar_options_of_sockets_are_taken(directory: Path) -> None:
    path = str(directory / "app.sock")
    server = ServerProcess("asgi_app:app", "--shards", "1", "--uds-permissions", "660")
    place = server.arguments.index("--port")
    server.arguments[place : place + 2] = ["--uds", path]
    with server, client_of(path) as client:
        assert client.get("/scope").status_code == 200
        assert os.stat(path).st_mode & 0o777 == 0o660


def test_a_forked_child_keeps_nothing_of_a_unix_socket(directory: Path) -> None:
    path = str(directory / "app.sock")
    app = directory / "forking_app.py"
    app.write_text(
        "import os, time\nfrom turbo_shard import App\napp = App()\n\n"
        "@app.get('/')\ndef fork() -> int:\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        time.sleep(60)\n        os._exit(0)\n"
        "    return pid\n"
    )
    options = ("--shards", "1", "--bind", f"unix:{path}")
    with (
        ServerProcess("forking_app:app", *options, app_dir=directory) as server,
        client_of(path) as client,
    ):
        child = int(client.get("/").text)
        try:
            # Not until its output ends, which the child has too.
            server.signal(signal.SIGTERM)
            assert server.process.wait(TIMEOUT_S) == 0
            links = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{child}/fd")]
            held = Path("/proc/net/unix").read_text()
            inodes = [line.split()[6] for line in held.splitlines() if line.endswith(path)]
            wait_until(lambda: not listens(path), "the end of the listening")
            assert not any(f"socket:[{inode}]" in links for inode in inodes)
        finally:
            os.kill(child, signal.SIGKILL)
