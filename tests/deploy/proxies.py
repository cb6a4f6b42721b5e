"""nginx, HAProxy and Caddy with the files of examples/deploy, in front of real servers, on ports of the test's own.

A file is used as it is; only the places that name a machine are replaced, and each of them must be there.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import httpx

from places import EXAMPLES
from unpacked_programs import UnpackedPrograms
from waiting import TIMEOUT_S, wait_until

FILES = EXAMPLES / "deploy"
PROGRAMS = UnpackedPrograms("deploy")
UNPACKED = PROGRAMS.root
program, run_program = PROGRAMS.path, PROGRAMS.run
unpacked_environment = PROGRAMS.environment
# The host that raw_http.py asks for.
NAME = "test"
# The addresses of the two servers in the files.
UPSTREAMS = ("10.0.0.11:8000", "10.0.0.12:8000")


def free_ports(count: int) -> list[int]:
    """Ports that the kernel has free now; all are held until the last one is known."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Certificate:
    """A certificate for `NAME` that its own key signed."""

    def __init__(self, folder: Path) -> None:
        self.chain, self.key = folder / "fullchain.pem", folder / "privkey.pem"
        run = run_program(
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ),
            *(
                "-nodes",
                "-days",
                "2",
                "-subj",
                f"/CN={NAME}",
                "-addext",
                f"subjectAltName=DNS:{NAME}",
            ),
            *("-keyout", str(self.key), "-out", str(self.chain)),
        )
        assert run.returncode == 0, run.stdout
        # HAProxy wants both in one file.
        self.both = folder / "app.pem"
        self.both.write_text(self.chain.read_text() + self.key.read_text())
        self.context = ssl.create_default_context(cafile=str(self.chain))


class Proxy:
    """One proxy, from `__enter__` to `__exit__`. Like a `ServerProcess` it gives connections and clients."""

    name: ClassVar[str]
    file: ClassVar[str]
    # What every test replaces, with these fields: plain, secure (ports), chain, key, both (files).
    places: ClassVar[dict[str, str]]
    # A server on a Unix socket, where the file has an address of one.
    unix: ClassVar[str]
    # Where the file names the port of --metrics.
    health: ClassVar[str] = ""
    # What is taken out for servers on Unix sockets, as the file says.
    not_on_unix: ClassVar[str] = ""

    def __init__(
        self,
        upstreams: list[str],
        certificate: Certificate,
        folder: Path,
        changes: Mapping[str, str] | None = None,
        health_port: int = 9000,
    ) -> None:
        """Two upstreams, as the file writes them; `changes` are places that one test replaces."""
        self.certificate, self.folder = certificate, folder
        self.folder.mkdir()
        self.plain_port, self.port = free_ports(2)
        self.log_path = folder / "log"
        self.text = (FILES / self.file).read_text()
        for place, value in (changes or {}).items():
            self.replace(place, value)
        if self.health and self.health in self.text:
            self.replace(self.health, self.health.replace("9000", str(health_port)))
        for place, value in self.places.items():
            self.replace(place, value.format(self=self))
        for place, upstream in zip(UPSTREAMS, upstreams, strict=True):
            if place in self.text:
                self.replace(place, upstream)

    def replace(self, place: str, value: str) -> None:
        assert self.text.count(place) == 1, f"{self.file} has not exactly one {place!r}"
        self.text = self.text.replace(place, value)

    def command(self) -> list[str]:
        """Writes the configuration, and says how to start with it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        command = self.command()
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env=unpacked_environment(HOME=str(self.folder), XDG_DATA_HOME=str(self.folder)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self.accepts_or_dead, f"{self.name} to accept connections")
        assert self.process.poll() is None, self.log
        return self

    def __exit__(self, *exception: object) -> None:
        # Each of them ends at once at SIGTERM.
        self.process.terminate()
        try:
            self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def accepts_or_dead(self) -> bool:
        if self.process.poll() is not None:
            return True
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S).close()
        except ConnectionRefusedError:
            return False
        return True

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def connect(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        """A connection over TLS, from an address of 127.0.0.0/8."""
        plain = socket.create_connection(
            ("127.0.0.1", self.port), timeout=TIMEOUT_S, source_address=(source, 0)
        )
        return self.certificate.context.wrap_socket(plain, server_hostname=NAME)

    def client(self, source: str = "127.0.0.1") -> httpx.Client:
        """An HTTPS client that believes `NAME` to be the proxy's address."""
        transport = httpx.HTTPTransport(verify=self.certificate.context, local_address=source)
        client = httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}",
            transport=transport,
            headers={"Host": NAME},
            timeout=TIMEOUT_S,
        )
        client.event_hooks["request"] = [
            lambda request: request.extensions.update(sni_hostname=NAME)
        ]
        return client


class Nginx(Proxy):
    """The file is what nginx includes in its http block; the rest is what Debian's nginx.conf says there."""

    name = "nginx"
    file = "nginx.conf"
    unix = "unix:{path}"
    places: ClassVar = {
        "listen 80;": "listen 127.0.0.1:{self.plain_port};",
        "listen 443 ssl http2;": "listen 127.0.0.1:{self.port} ssl http2;",
        "/etc/ssl/app/fullchain.pem": "{self.certificate.chain}",
        "/etc/ssl/app/privkey.pem": "{self.certificate.key}",
    }

    def command(self) -> list[str]:
        (self.folder / "app.conf").write_text(self.text)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in kinds)
        main = self.folder / "nginx.conf"
        main.write_text(
            f"pid {self.folder}/pid;\nerror_log {self.log_path} info;\ndaemon off;\n"
            "worker_processes 1;\nevents {}\n"
            f"http {{\naccess_log off;\n{temporary}include app.conf;\n}}\n"
        )
        # The worker's user would have no way to the socket of a test's server.
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        return [
            program("nginx"),
            "-p",
            str(self.folder),
            "-e",
            str(self.log_path),
            "-c",
            str(main),
            *user,
        ]


class HAProxy(Proxy):
    name = "haproxy"
    file = "haproxy.cfg"
    unix = "unix@{path} addr {address}"
    health = " check port 9000 "
    places: ClassVar = {
        "bind :80": "bind 127.0.0.1:{self.plain_port}",
        "bind :443": "bind 127.0.0.1:{self.port}",
        "/etc/ssl/app/app.pem": "{self.certificate.both}",
    }

    def command(self) -> list[str]:
        path = self.folder / "haproxy.cfg"
        path.write_text(self.text)
        # -db: in the foreground, without a master.
        return [program("haproxy"), "-db", "-f", str(path)]


class Caddy(Proxy):
    name = "caddy"
    file = "Caddyfile"
    unix = "unix/{path}"
    health = "health_port 9000\n"
    not_on_unix = "\t\thealth_uri /readyz\n\t\thealth_port 9000\n\t\thealth_interval 2s\n"
    # It would get a certificate from a public authority, whose servers are not here.
    places: ClassVar = {
        "app.example.com {": (
            f"{NAME} {{{{\n\tbind 127.0.0.1\n"
            "\ttls {self.certificate.chain} {self.certificate.key}"
        )
    }

    def command(self) -> list[str]:
        path = self.folder / "Caddyfile"
        path.write_text(
            f"{{\n\tadmin off\n\thttp_port {self.plain_port}\n\thttps_port {self.port}\n}}\n{self.text}"
        )
        return [program("caddy"), "run", "--config", str(path), "--adapter", "caddyfile"]


PROXIES: tuple[type[Proxy], ...] = (Nginx, HAProxy, Caddy)
