"""TLS: certificates, and what is asked of clients. Rows of the table of settings."""

from collections.abc import Sequence
from typing import Literal

from ..option import Group, Kind, row


class Tls(Group, heading="TLS"):
    ssl_certfile: Sequence[str] = row(
        Kind.FILE_PATHS,
        default=(),
        help="certificate and those on the way to a root (PEM); all listeners then speak TLS. "
        "Several times: a client gets the one for the host that it asks for, else the first",
        daily=True,
    )
    ssl_keyfile: Sequence[str] = row(
        Kind.FILE_PATHS,
        default=(),
        help="private key of each certificate in turn (PEM); not needed where the certificates' "
        "files have them",
        daily=True,
    )
    ssl_keyfile_password: str | None = row(
        Kind.TEXT,
        default=None,
        help="password of encrypted keys (PKCS #8); its environment variable keeps it out of the list of processes",
        default_text="none",
        is_secret=True,
    )
    ssl_min_version: Literal["TLSv1.2", "TLSv1.3"] = row(
        Kind.CHOICE,
        default="TLSv1.2",
        help="oldest version of TLS that is spoken",
    )
    ssl_self_signed: bool = row(
        Kind.SWITCH,
        default=False,
        help="TLS for localhost, on a developer's own machine; the certificate is made at the start",
        daily=True,
    )
    ssl_cert_reqs: Literal["none", "optional", "required"] = row(
        Kind.CHOICE,
        default="none",
        help="whether clients are asked for a certificate, and must show one",
    )
    ssl_ca_certs: str | None = row(
        Kind.FILE_PATH,
        default=None,
        help="certificates of those who vouch for clients (PEM)",
        default_text="none",
    )
    ssl_crl: Sequence[str] = row(
        Kind.FILE_PATHS,
        default=(),
        help="list of clients' certificates that were revoked (PEM); several times for several. Each certificate of a "
        "client's chain must be in the charge of one",
    )
    redirect_http: str | None = row(
        Kind.TEXT,
        default=None,
        help="[HOST:]PORT that hears plain HTTP and leads its clients to https (308); the host is that of the "
        "first place with TLS unless it is named; ,to=443 may follow where clients see another port than ours, "
        "and ,proxy (PROXY protocol)",
        default_text="none",
    )
    ssl_handshake_timeout: float = row(
        Kind.SECONDS,
        default=10.0,
        help="time that a client has for its TLS handshake",
        unit="s",
        minimum=0.1,
        maximum=3600,
    )
