"""The proxies of examples/deploy in front of servers that listen on Unix sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from framework_server import Marks
from proxied_site import Site, proxied_site
from proxies import Certificate, Proxy
from raw_http import RawClient
from raw_websocket import TEXT, RawWebSocket, frame

CLIENT = "127.0.0.9"
REQUESTS = 50
# As in test_proxied.py.
OPENED_MAX = 16


@pytest.fixture(scope="module")
def site(
    kind: type[Proxy],
    certificate: Certificate,
    marks_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    # A short name: the path of a socket has 107 bytes.
    folder = tmp_path_factory.mktemp("unix")
    bind = "unix:{folder}/{name}.sock"
    changes = {kind.not_on_unix: ""} if kind.not_on_unix else {}
    with proxied_site(kind, certificate, marks_folder, folder, bind=bind, changes=changes) as made:
        yield made


def test_app_sees_client_and_scheme(site: Site) -> None:
    with site.proxy.client(source=CLIENT) as client:
        told = client.get("/tell").json()
    assert (told["client"][0], told["scheme"]) == (CLIENT, "https")


def test_events_pass_while_the_app_still_makes_them(site: Site, marks: Marks) -> None:
    with RawClient(site.proxy) as client:
        client.request("GET", "/events")
        client.head()
        assert client.chunk() == b"data: 1\n\n"
        marks.leave("first event came")
        assert client.chunk() == b"data: 2\n\n"


def test_websocket_passes_both_ways(site: Site) -> None:
    with RawWebSocket(site.proxy) as client:
        client.open("/").send(frame(TEXT, b"one"))
        assert client.frame().payload == b"one"


def test_requests_share_connections_to_both_servers(site: Site) -> None:
    before = site.connections_accepted()
    pids = set()
    for _ in range(REQUESTS):
        with site.proxy.client() as client:
            pids.add(client.get("/tell").json()["pid"])
    assert pids == {server.pid for server in site.servers}
    assert site.connections_accepted() - before <= OPENED_MAX
