"""A browser: a page that loads many files at once over HTTP/2, uploads and downloads, and a WebSocket."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import pytest

from apps.clients_app import ASSETS
from certificates import Certificate, openssl
from chromium_pipe import Chromium, find_chromium
from server_process import ServerProcess

FETCHED = """
(async () => {
    const body = new Uint8Array(3_000_000).map((_, place) => place);
    const echoed = await (await fetch('/echo', {method: 'POST', body})).arrayBuffer();
    const bytes = new Uint8Array(echoed);
    const same = bytes.length === body.length && bytes.every((byte, place) => byte === body[place]);
    const many = await Promise.all(Array.from({length: 150}, (_, size) =>
        fetch(`/bytes/${size * 1000}`).then(answer => answer.arrayBuffer()).then(it => it.byteLength)));
    return {same, many};
})()
"""
SPOKEN = """
new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${location.host}/socket`), heard = [];
    socket.onopen = () => ['one', 'x'.repeat(100_000), 'three'].forEach(text => socket.send(text));
    socket.onmessage = message => {
        heard.push(message.data.length);
        if (heard.length === 3) { socket.close(1000); }
    };
    socket.onclose = end => resolve([heard, end.code, end.wasClean]);
    socket.onerror = () => reject('the WebSocket failed');
})
"""


@pytest.fixture(scope="module")
def browser(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chromium]:
    """One that trusts the certificate's key and nothing else of the tests'."""
    program = find_chromium()
    assert program, (
        "Chromium is missing: scripts/install_outside.sh (make test-outside) installs it"
    )
    folder = tmp_path_factory.mktemp("key")
    openssl("x509", "-in", certificate.pem, "-pubkey", "-noout", "-out", folder / "pem")
    openssl("pkey", "-pubin", "-in", folder / "pem", "-outform", "der", "-out", folder / "der")
    digest = hashlib.sha256((folder / "der").read_bytes()).digest()
    trusted = base64.b64encode(digest).decode()
    with Chromium(program, f"--ignore-certificate-errors-spki-list={trusted}") as opened:
        yield opened


def test_a_page_loads_its_files_over_one_connection(
    browser: Chromium, secure_site: ServerProcess
) -> None:
    browser.visit(f"{secure_site.url}/page")
    assert browser.evaluate("document.title") == str(ASSETS)
    kinds = "performance.getEntriesByType('{}').filter(it => it.name.includes('{}'))"
    spoken = f"{kinds}.map(it => it.nextHopProtocol)"
    assert browser.evaluate(spoken.format("navigation", "/page")) == ["h2"]
    assert browser.evaluate(spoken.format("resource", "/asset/")) == ["h2"] * ASSETS


def test_bodies_come_whole_both_ways(browser: Chromium, secure_site: ServerProcess) -> None:
    browser.visit(f"{secure_site.url}/page")
    found = browser.evaluate(FETCHED)
    assert found == {"same": True, "many": [size * 1000 for size in range(150)]}


def test_a_websocket_is_opened_beside_it(browser: Chromium, secure_site: ServerProcess) -> None:
    browser.visit(f"{secure_site.url}/page")
    assert browser.evaluate(SPOKEN) == [[3, 100_000, 5], 1000, True]


def test_nothing_was_complained_of(browser: Chromium) -> None:
    # A page has no icon here, and the browser asks for one.
    assert [error for error in browser.errors if "favicon" not in error] == []
