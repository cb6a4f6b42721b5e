"""Fixtures: each of the proxies in front of two servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from framework_server import Marks
from proxied_site import Site, proxied_site
from proxies import PROXIES, Certificate, Proxy


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def marks_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("marks")


@pytest.fixture
def marks(marks_folder: Path) -> Marks:
    """The signals between the app and this test; nothing of an earlier test is left."""
    for mark in marks_folder.iterdir():
        mark.unlink()
    return Marks(marks_folder)


@pytest.fixture(params=PROXIES, ids=lambda kind: kind.name, scope="module")
def kind(request: pytest.FixtureRequest) -> type[Proxy]:
    chosen: type[Proxy] = request.param
    return chosen


@pytest.fixture(scope="module")
def site(
    kind: type[Proxy],
    certificate: Certificate,
    marks_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """One for all tests of a file that leave its servers running."""
    folder = tmp_path_factory.mktemp("site")
    with proxied_site(kind, certificate, marks_folder, folder) as made:
        yield made


@pytest.fixture
def passing_site(
    kind: type[Proxy], certificate: Certificate, marks_folder: Path, tmp_path: Path
) -> Iterator[Site]:
    """One for a single test, which ends its servers."""
    with proxied_site(kind, certificate, marks_folder, tmp_path) as made:
        yield made


@pytest.fixture
def proxy(site: Site) -> Proxy:
    return site.proxy
