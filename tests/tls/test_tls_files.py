"""Certificates and keys that a server is started with: every form of openssl; what is unusable is told in one line."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest

from certificates import RSA, Certificate, expired, localhost, openssl, self_signed
from server_process import StartServer, run_command
from waiting import TIMEOUT_S


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`localhost` and `rsa`, and their keys in other forms."""
    folder = tmp_path_factory.mktemp("certificates")
    own = localhost(folder)
    rsa = self_signed(folder, "rsa", "DNS:localhost", "IP:127.0.0.1", kind=RSA)
    openssl("ec", "-in", own.key, "-out", folder / "sec1.key")
    openssl("rsa", "-in", rsa.key, "-traditional", "-out", folder / "pkcs1.key")
    secret = ("-passout", "pass:open sesame")
    openssl("pkcs8", "-topk8", "-in", own.key, "-out", folder / "encrypted.key", *secret)
    openssl(
        *("pkcs8", "-topk8", "-v2", "des3", "-in", own.key, "-out", folder / "des3.key", *secret)
    )
    openssl("rsa", "-in", rsa.key, "-traditional", "-aes256", "-out", folder / "old.key", *secret)
    both = own.key.read_bytes() + own.pem.read_bytes()
    (folder / "both.pem").write_bytes(both)
    (folder / "chain.pem").write_bytes(own.pem.read_bytes() + rsa.pem.read_bytes())
    expired(folder, own)
    (folder / "text.pem").write_text("no certificate\n")
    (folder / "broken.pem").write_text(own.pem.read_text().replace("M", "!"))
    return folder


@pytest.mark.parametrize(
    ("certificate", "key", "password"),
    [
        ("localhost.pem", "sec1.key", ""),
        ("rsa.pem", "rsa.key", ""),
        ("rsa.pem", "pkcs1.key", ""),
        ("localhost.pem", "encrypted.key", "open sesame"),
        ("localhost.pem", "des3.key", "open sesame"),
        ("both.pem", "", ""),
        ("chain.pem", "localhost.key", ""),
    ],
)
@pytest.mark.parametrize("mode", ["shard"])
def test_keys_of_every_form_serve(
    start_server: StartServer, folder: Path, mode: str, certificate: str, key: str, password: str
) -> None:
    server = start_server(
        "forwarded_app:asgi",
        *("--shards", "1", "--mode", mode, "--ssl-certfile", str(folder / certificate)),
        *(("--ssl-keyfile", str(folder / key)) if key else ()),
        *(("--ssl-keyfile-password", password) if password else ()),
    )
    trusting = ssl.create_default_context(cafile=str(folder / certificate))
    assert httpx.get(f"{server.url}/told", verify=trusting, timeout=TIMEOUT_S).status_code == 200


def test_names_of_other_servers_are_taken(start_server: StartServer, folder: Path) -> None:
    own = Certificate(folder / "localhost.pem", folder / "localhost.key")
    server = start_server(
        "forwarded_app:asgi", "--shards", "1", "--certfile", str(own.pem), "--keyfile", str(own.key)
    )
    assert server.url.startswith("https://")


@pytest.mark.parametrize(
    ("certificate", "key", "password", "told"),
    [
        ("none.pem", "localhost.key", "", "none.pem: there is no such file"),
        ("localhost.pem", "none.key", "", "none.key: there is no such file"),
        (".", "localhost.key", "", "it is a directory"),
        ("text.pem", "localhost.key", "", "text.pem: there is no certificate in it (PEM)"),
        ("broken.pem", "localhost.key", "", "broken.pem: it is not well-formed PEM"),
        ("localhost.key", "localhost.key", "", "there is no certificate in it (PEM)"),
        ("localhost.pem", "text.pem", "", "text.pem: there is no private key in it"),
        ("localhost.pem", "rsa.key", "", "rsa.key: the key does not belong to the certificate in"),
        ("localhost.pem", "encrypted.key", "", "ssl_keyfile_password is missing"),
        ("localhost.pem", "encrypted.key", "wrong", "ssl_keyfile_password is not its password"),
        ("rsa.pem", "old.key", "open sesame", "openssl pkcs8 -topk8"),
        ("expired.pem", "localhost.key", "", "the certificate has expired, on 2021-01-01 00:00:00"),
    ],
)
@pytest.mark.parametrize("mode", ["shard", "process"])
def test_what_cannot_be_used_is_told_in_one_line(
    folder: Path, mode: str, certificate: str, key: str, password: str, told: str
) -> None:
    done = run_command(
        *("asgi_app:app", "--mode", mode, "--port", "0"),
        *("--ssl-certfile", str(folder / certificate), "--ssl-keyfile", str(folder / key)),
        *(("--ssl-keyfile-password", password) if password else ()),
        cwd=Path(__file__).parents[1] / "apps",
    )
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--ssl-keyfile", "a"), "--ssl-keyfile: ssl_certfile is missing"),
        (("--ssl-keyfile-password", "a"), "--ssl-keyfile-password: ssl_certfile is missing"),
        (
            ("--ssl-certfile", "a", "--ssl-certfile", "b", "--ssl-keyfile", "c"),
            "--ssl-keyfile: 1 for 2 of --ssl-certfile",
        ),
        (("--ssl-certfile", "a", "--ssl-min-version", "SSLv3"), "is not one of TLSv1.2, TLSv1.3"),
    ],
)
def test_what_does_not_go_together_is_told(arguments: tuple[str, ...], told: str) -> None:
    done = run_command("app:app", *arguments)
    assert done.returncode == 2
    assert told in done.stderr


def test_a_password_is_not_shown(folder: Path) -> None:
    shown = run_command(
        *("forwarded_app:asgi", "--print-config", "--ssl-certfile", str(folder / "localhost.pem")),
        *("--ssl-keyfile-password", "open sesame"),
    )
    assert "sesame" not in shown.stdout + shown.stderr
    assert "(not shown)" in shown.stdout
