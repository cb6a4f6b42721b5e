"""HAProxy tells clients by the PROXY protocol instead of header lines, in both of its versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxied_site import Site, proxied_site
from proxies import Certificate, HAProxy
from raw_websocket import TEXT, RawWebSocket, frame

CLIENT = "127.0.0.9"
CHECK = " inter 2s fall 2 rise 1\n"


@pytest.fixture(
    scope="module", params=["send-proxy", "send-proxy-v2 proxy-v2-options ssl"], ids=["v1", "v2"]
)
def site(
    request: pytest.FixtureRequest,
    certificate: Certificate,
    marks_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("told")
    changes = {
        CHECK: f" {request.param}{CHECK}",
        "    http-request set-header X-Forwarded-For %[src]\n": "",
    }
    bind = "{address}:0,proxy"
    with proxied_site(
        HAProxy, certificate, marks_folder, folder, bind=bind, changes=changes
    ) as made:
        yield made


def test_app_sees_address_and_port_of_the_client(
    site: Site, request: pytest.FixtureRequest
) -> None:
    """Version 2 tells of TLS too. X-Forwarded-Proto counts as the client's own word then, so version 1 leaves http."""
    scheme = "https" if "v2" in request.node.name else "http"
    with site.proxy.client(source=CLIENT) as client:
        told = client.get("/tell").json()
    address, port = told["client"]
    assert (address, told["scheme"]) == (CLIENT, scheme)
    assert port != 0


def test_clients_are_not_mixed_up_where_connections_are_used_again(site: Site) -> None:
    for last in (11, 12, 11, 12):
        source = f"127.0.0.{last}"
        with site.proxy.client(source=source) as client:
            seen = {client.get("/tell").json()["client"][0] for _ in range(5)}
        assert seen == {source}


def test_websocket_passes_both_ways(site: Site) -> None:
    with RawWebSocket(site.proxy) as client:
        client.open("/").send(frame(TEXT, b"one"))
        assert client.frame().payload == b"one"
