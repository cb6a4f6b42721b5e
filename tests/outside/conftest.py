"""Fixtures: the app of other people's clients, without TLS and with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arms import Arm
from certificates import Certificate, localhost
from server_process import ServerProcess
from unpacked_programs import UnpackedPrograms


@pytest.fixture(scope="session")
def clients() -> UnpackedPrograms:
    return UnpackedPrograms("clients")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return localhost(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session", params=["plain", "tls"])
def site(request: pytest.FixtureRequest, certificate: Certificate) -> Iterator[ServerProcess]:
    """On two shards of the engine that the server chooses."""
    options = certificate.options if request.param == "tls" else ()
    with ServerProcess("clients_app:app", "--shards", "2", *options) as server:
        yield server


@pytest.fixture(scope="session")
def secure_site(certificate: Certificate) -> Iterator[ServerProcess]:
    with ServerProcess("clients_app:app", "--shards", "2", *certificate.options) as server:
        yield server


@pytest.fixture(scope="module", params=["plain", "tls"])
def site_of_arm(
    arm: Arm, request: pytest.FixtureRequest, certificate: Certificate
) -> Iterator[ServerProcess]:
    options = certificate.options if request.param == "tls" else ()
    with ServerProcess("clients_app:app", *arm.options, "--shards", "2", *options) as server:
        yield server
