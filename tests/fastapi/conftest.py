"""Fixtures for tests that compare compiled FastAPI apps with FastAPI itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from comparing import Pairs


@pytest.fixture(scope="module")
def pairs() -> Iterator[Pairs]:
    """Two instances of each app of the module, made once: for requests that leave nothing behind."""
    made = Pairs()
    yield made
    made.close()
