"""openssl's client: what is agreed on in a handshake, whose certificate is shown, how sessions are resumed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import Certificate, self_signed, signed_by
from server_process import ServerProcess
from unpacked_programs import UnpackedPrograms
from waiting import TIMEOUT_S

REQUEST = "GET /told HTTP/1.0\r\nHost: localhost\r\n\r\n"


class Openssl:
    """`openssl s_client` to one server."""

    def __init__(self, programs: UnpackedPrograms, server: ServerProcess) -> None:
        self.programs = programs
        self.place = f"{server.host}:{server.port}"

    def says(self, *options: str, sends: str = REQUEST) -> str:
        """All that it says of one connection, which ends with the answer or with a refused handshake."""
        run = subprocess.run(
            [self.programs.path("openssl"), "s_client", "-connect", self.place, *options],
            env=self.programs.environment(),
            input=sends,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
        return run.stdout


@pytest.fixture(scope="module")
def openssl(clients: UnpackedPrograms, secure_site: ServerProcess) -> Openssl:
    return Openssl(clients, secure_site)


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_a_session_is_resumed(openssl: Openssl, tmp_path: Path, version: str) -> None:
    kept = tmp_path / "session"
    common = ("-ign_eof", f"-{version}")
    first = openssl.says(*common, "-sess_out", str(kept))
    name = {"tls1_2": "TLSv1.2", "tls1_3": "TLSv1.3"}[version]
    assert f"New, {name}" in first
    for _ in range(6):
        again = openssl.says(*common, "-sess_in", str(kept))
        assert f"Reused, {name}" in again, again
        assert "GET https 1.0" in again


def test_no_early_data_is_taken(openssl: Openssl, tmp_path: Path) -> None:
    kept, early = tmp_path / "session", tmp_path / "early"
    early.write_text(REQUEST)
    first = openssl.says("-ign_eof", "-tls1_3", "-sess_out", str(kept))
    assert "Max Early Data: 0" in first
    again = openssl.says("-ign_eof", "-tls1_3", "-sess_in", str(kept), "-early_data", str(early))
    assert "Early data was not sent" in again
    assert again.count("GET https 1.0") == 1


def test_what_is_spoken_is_agreed_on(openssl: Openssl) -> None:
    for offered, chosen in (
        ("h2,http/1.1", "h2"),
        ("http/1.1,h2", "h2"),
        ("http/1.1", "http/1.1"),
        ("spdy/3,http/1.1", "http/1.1"),
        ("http/1.0", "http/1.0"),
    ):
        assert f"ALPN protocol: {chosen}\n" in openssl.says("-alpn", offered), offered
    assert "No ALPN negotiated" in openssl.says("-ign_eof")
    refused = openssl.says("-alpn", "spdy/3")
    assert "alert no application protocol" in refused
    assert "GET https" not in refused


def test_there_is_no_renegotiation_and_no_compression(openssl: Openssl) -> None:
    common = ("-tls1_2", "-comp", "-legacy_renegotiation")
    said = openssl.says(*common, sends="R\n")
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said or "unexpected message" in said, said
    assert "Compression: NONE" in said
    assert "Secure Renegotiation IS supported" in said


@pytest.mark.parametrize(
    "offer",
    [
        ("-tls1",),
        ("-tls1_1",),
        ("-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"),
        ("-tls1_2", "-cipher", "aNULL:eNULL"),
        ("-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"),
        ("-groups", "secp521r1"),
    ],
    ids=lambda offer: "-".join(offer).strip("-"),
)
def test_what_is_weak_or_unknown_is_refused(openssl: Openssl, offer: tuple[str, ...]) -> None:
    weak = "-cipher" in offer or "-tls1" in offer or "-tls1_1" in offer
    if weak and "-cipher" not in offer:
        offer = (*offer, "-cipher", "DEFAULT@SECLEVEL=0")
    elif weak:
        offer = (*offer[:-1], f"{offer[-1]}:@SECLEVEL=0")
    said = openssl.says(*offer)
    assert "Cipher is (NONE)" in said, said
    assert "alert" in said, said
    assert "GET https" not in said


@pytest.fixture(scope="module")
def asking(
    clients: UnpackedPrograms, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Openssl, Path]]:
    """A server of two hosts that asks clients for a certificate, and the folder of all."""
    folder = tmp_path_factory.mktemp("asking")
    ca = self_signed(folder, "ca", "DNS:ca")
    one = self_signed(folder, "one", "DNS:one.example", "IP:127.0.0.1")
    other = self_signed(folder, "other", "DNS:*.other.example")
    signed_by(folder, ca, "client", "/CN=a client")
    signed_by(folder, self_signed(folder, "other-ca", "DNS:ca"), "stranger", "/CN=a client")
    asks = ("--ssl-cert-reqs", "required", "--ssl-ca-certs", str(ca.pem))
    options = ("--shards", "2", *one.options, *other.options, *asks)
    with ServerProcess("clients_app:app", *options) as server:
        yield Openssl(clients, server), folder


def pair(folder: Path, name: str) -> tuple[str, ...]:
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    return ("-cert", str(made.pem), "-key", str(made.key))


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_client_shows_a_certificate_of_the_right_ca(
    asking: tuple[Openssl, Path], version: str
) -> None:
    openssl, folder = asking
    said = openssl.says("-ign_eof", version, *pair(folder, "client"))
    assert "GET https 1.0" in said
    assert "Acceptable client certificate CA names" in said
    for shown, why in (((), "certificate required"), (pair(folder, "stranger"), "unknown ca")):
        refused = openssl.says("-ign_eof", version, *shown)
        assert "GET https" not in refused
        assert f"alert {why}" in refused, refused


def test_the_certificate_is_that_of_the_host_that_is_asked_for(
    asking: tuple[Openssl, Path],
) -> None:
    openssl, folder = asking
    for host, subject in (
        ("one.example", "one"),
        ("a.other.example", "other"),
        ("a.b.other.example", "one"),
        ("unknown.example", "one"),
    ):
        said = openssl.says("-servername", host, *pair(folder, "client"))
        assert f"subject=CN = {subject}\n" in said, host
    assert "subject=CN = one\n" in openssl.says("-noservername", *pair(folder, "client"))
