"""Certificates and keys for tests, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from waiting import TIMEOUT_S

P256 = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-newkey", "rsa:2048")


class Certificate(NamedTuple):
    """A certificate that signs itself, and its key."""

    pem: Path
    key: Path

    @property
    def options(self) -> tuple[str, ...]:
        """For a server."""
        return ("--ssl-certfile", str(self.pem), "--ssl-keyfile", str(self.key))


def openssl(*arguments: str | Path) -> None:
    subprocess.run(
        ["openssl", *map(str, arguments)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    )


def self_signed(folder: Path, name: str, *hosts: str, kind: tuple[str, ...] = P256) -> Certificate:
    """For hosts such as `DNS:localhost`; its files are called `name`."""
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    openssl(
        *("req", "-x509", *kind, "-nodes", "-keyout", made.key, "-out", made.pem),
        *("-subj", f"/CN={name}", "-addext", f"subjectAltName={','.join(hosts)}"),
    )
    return made


def localhost(folder: Path) -> Certificate:
    return self_signed(folder, "localhost", "DNS:localhost", "IP:127.0.0.1")


CA_SETTINGS = """\
[ca]
default_ca = own
[own]
database = {folder}/index
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
default_md = sha256
policy = any
[any]
commonName = supplied
"""


def expired(folder: Path, own: Certificate) -> Path:
    """A certificate for the key of `own` that was valid in 2020."""
    settings, request, made = folder / "ca.cnf", folder / "request.pem", folder / "expired.pem"
    settings.write_text(CA_SETTINGS.format(folder=folder))
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")
    openssl("req", "-new", "-key", own.key, "-subj", "/CN=localhost", "-out", request)
    openssl(
        *("ca", "-config", settings, "-selfsign", "-batch", "-notext"),
        *("-keyfile", own.key, "-in", request, "-out", made),
        *("-startdate", "20200101000000Z", "-enddate", "20210101000000Z"),
    )
    return made


def signed_by(folder: Path, ca: Certificate, name: str, subject: str) -> Certificate:
    """For a client whom `ca` vouches for."""
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    request, extensions = folder / f"{name}.request", folder / f"{name}.cnf"
    # Without any, openssl makes a certificate of version 1, which rustls does not take.
    extensions.write_text("basicConstraints=CA:FALSE\n")
    openssl("req", *P256, "-nodes", "-keyout", made.key, "-out", request, "-subj", subject)
    openssl(
        *("x509", "-req", "-in", request, "-CA", ca.pem, "-CAkey", ca.key),
        *("-set_serial", "7", "-days", "30", "-extfile", extensions, "-out", made.pem),
    )
    return made


def revoked_by(folder: Path, ca: Certificate, revoked: Certificate) -> Path:
    """A list of what `ca` has revoked."""
    settings, made = folder / "crl.cnf", folder / "crl.pem"
    settings.write_text(CA_SETTINGS.format(folder=folder))
    (folder / "index").write_text("")
    # With a number a list is of version 2, the only one that rustls reads.
    (folder / "crlnumber").write_text("01\n")
    both = ("-config", settings, "-keyfile", ca.key, "-cert", ca.pem)
    openssl("ca", *both, "-revoke", revoked.pem)
    openssl("ca", *both, "-gencrl", "-crldays", "30", "-out", made)
    return made
