"""Scanners of TLS: sslyze, sslscan and testssl.sh find no weakness."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from certificates import P256, RSA, self_signed
from outside_tools import RUN_TIMEOUT_S, run_tool
from server_process import ServerProcess

VERSIONS = {"1.2", "1.3"}
CIPHERS_OF_1_3 = {
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
}
CIPHERS_OF_1_2 = ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
CURVES = {"X25519", "secp256r1", "secp384r1"}

# What testssl.sh 3.0.8 does not like, and why it stays.
TAKEN = {
    "engine_problem": "is about the openssl that the script itself uses",
    "cipher_order": "every cipher is safe, so the client knows best (Mozilla's guideline says so too)",
    "cert_chain_of_trust": "the tests' certificate signs itself",
    "cert_expirationStatus": "the tests' certificate lasts 30 days",
    "cert_notAfter": "the tests' certificate lasts 30 days",
    "cert_revocation": "the tests' certificate signs itself",
}


@pytest.fixture(scope="module", params=["ECDSA", "RSA"])
def scanned(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server with a key of each kind: the ciphers of TLS 1.2 are named after it."""
    kind = {"ECDSA": P256, "RSA": RSA}[request.param]
    folder = tmp_path_factory.mktemp("certificates")
    made = self_signed(folder, "localhost", "DNS:localhost", "IP:127.0.0.1", kind=kind)
    with ServerProcess("clients_app:app", "--shards", "2", *made.options) as server:
        server.variables["KEY"] = request.param
        yield server


def place(server: ServerProcess) -> str:
    return f"{server.host}:{server.port}"


def ciphers_of_1_2(server: ServerProcess) -> set[str]:
    return {f"ECDHE-{server.variables['KEY']}-{cipher}" for cipher in CIPHERS_OF_1_2}


def test_sslyze_finds_no_weakness(scanned: ServerProcess, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    # Not --resum: sslyze 6.3.1 takes a resumed session that comes with a new ticket for none.
    plugins = "certinfo compression early_data elliptic_curves ems fallback heartbleed openssl_ccs"
    plugins += " reneg robot sslv2 sslv3 tlsv1 tlsv1_1 tlsv1_2 tlsv1_3"
    options = [f"--{plugin}" for plugin in plugins.split()]
    options += ["--mozilla_config", "intermediate", f"--json_out={told}"]
    run = run_tool("sslyze", *options, place(scanned))
    [server] = json.loads(told.read_text())["server_scan_results"]
    found: dict[str, Any] = {}
    for name, scan in server["scan_result"].items():
        if scan["status"] != "NOT_SCHEDULED":
            assert scan["status"] == "COMPLETED", (name, scan)
            found[name] = scan["result"]
    for version in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"):
        assert found[f"{version}_cipher_suites"]["accepted_cipher_suites"] == [], version
    for version, expected in (("1_2", ciphers_of_1_2(scanned)), ("1_3", CIPHERS_OF_1_3)):
        accepted = found[f"tls_{version}_cipher_suites"]["accepted_cipher_suites"]
        assert {one["cipher_suite"]["openssl_name"] for one in accepted} == expected
    assert found["tls_compression"] == {"supports_compression": False}
    assert found["tls_1_3_early_data"] == {"supports_early_data": False}
    assert found["openssl_ccs_injection"] == {"is_vulnerable_to_ccs_injection": False}
    assert found["heartbleed"] == {"is_vulnerable_to_heartbleed": False}
    assert found["robot"]["robot_result"] == "NOT_VULNERABLE_RSA_NOT_SUPPORTED"
    assert found["tls_fallback_scsv"] == {"supports_fallback_scsv": True}
    assert found["tls_extended_master_secret"] == {"supports_ems_extension": True}
    assert found["session_renegotiation"] == {
        "supports_secure_renegotiation": True,
        "is_vulnerable_to_client_renegotiation_dos": False,
        "client_renegotiations_success_count": 0,
    }
    assert {curve["name"] for curve in found["elliptic_curves"]["supported_curves"]} == CURVES
    # Nobody vouches for the tests' certificate; of Mozilla's other wishes none is left open.
    complaints = [line for line in run.stdout.splitlines() if line.startswith("        * ")]
    assert [line.split(":")[0].strip(" *") for line in complaints] == [
        "certificate_path_validation"
    ]


def test_sslscan_finds_no_weakness(scanned: ServerProcess) -> None:
    run = run_tool("sslscan", "--no-colour", "--show-client-cas", "--xml=-", place(scanned))
    [scan] = ElementTree.fromstring(run.stdout[run.stdout.index("<?xml") :]).iter("ssltest")
    spoken = {one.get("version") for one in scan.iter("protocol") if one.get("enabled") == "1"}
    assert spoken == VERSIONS
    assert {one.get("vulnerable") for one in scan.iter("heartbleed")} == {"0"}
    assert {one.get("supported") for one in scan.iter("renegotiation")} == {"0"}
    assert {one.get("supported") for one in scan.iter("compression")} <= {"0"}
    ciphers = {one.get("cipher"): one.get("strength") for one in scan.iter("cipher")}
    assert ciphers.keys() == CIPHERS_OF_1_3 | ciphers_of_1_2(scanned)
    assert set(ciphers.values()) <= {"strong", "acceptable"}


@pytest.mark.timeout(RUN_TIMEOUT_S + 60)
def test_testssl_finds_no_weakness(scanned: ServerProcess, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    parts = ("--protocols", "--std", "--fs", "--server-preference", "--server-defaults")
    options = ("--quiet", "--color", "0", "--warnings", "off", "--nodns", "none")
    # Of HTTP/2 the script's own client knows nothing, so HTTP's headers are not among what it looks at.
    run = run_tool(
        "testssl", *options, *parts, "--vulnerable", "--jsonfile", str(told), place(scanned)
    )
    findings = json.loads(told.read_text())
    ids = {finding["id"] for finding in findings}
    assert {"heartbleed", "ROBOT", "secure_client_renego", "CRIME_TLS", "RC4"} <= ids, run.stdout
    faults = [
        finding
        for finding in findings
        if finding["severity"] not in ("OK", "INFO", "LOW") and finding["id"] not in TAKEN
    ]
    assert faults == []
