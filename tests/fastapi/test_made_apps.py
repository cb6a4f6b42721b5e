"""Apps that are made up, and requests to them: compiled they do the same as FastAPI.

    export TURBO_SHARD_FASTAPI_EXAMPLES=5000 TURBO_SHARD_FASTAPI_SEED=1
    .venv/bin/python -m pytest tests/fastapi/test_made_apps.py

The seed of a run is part of the test's name; a failure shows the smallest app that hypothesis has found, as Python.
"""

from __future__ import annotations

import os
from random import Random, SystemRandom

import fastapi.routing
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from asked import Asked
from broken_compiles import BROKEN
from comparing import Compile, Different, Pair, compiled
from made_apps import made_app
from made_requests import made_request, targets_of
from made_source import make_app_of, source_of

EXAMPLES = int(os.environ.get("TURBO_SHARD_FASTAPI_EXAMPLES", "200"))
REQUESTS = 8
# The processes of one run must agree on it, for it is in a test's name; pytest-xdist gives them a name for the run.
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or SystemRandom().randbytes(8)
SEED = int(os.environ.get("TURBO_SHARD_FASTAPI_SEED", "0")) or Random(RUN).randrange(1, 2**32)


def check(random: Random, compile: Compile = compiled) -> None:
    """One app and its requests."""
    described = made_app(random)
    source = source_of(described)
    targets = targets_of(described)
    requests = [made_request(random, targets) for _ in range(REQUESTS)]
    # FastAPI keeps what it tells of an endpoint by `id()`, which a function of this app may share with one of the last.
    fastapi.routing._endpoint_context_cache.clear()
    with Pair(lambda: make_app_of(source), compile=compile) as pair:
        for request in requests:
            told(pair, request, source)


def told(pair: Pair, request: Asked, source: str) -> None:
    try:
        pair.ask(request)
    except Different as different:
        raise Different(f"{source}\n{request!r}\n{different}") from None


@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed_", [SEED])
def test_made_apps(seed_: int) -> None:
    @seed(seed_)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False))
    def run(random: Random) -> None:
        check(random)

    run()


@pytest.mark.parametrize(
    "name", ["without_dependencies", "all_on_the_loop", "with_another_mark", "answering_late"]
)
def test_made_apps_find_a_broken_compile(name: str) -> None:
    """What they are made of is enough to see each of these."""
    with pytest.raises(Different):
        for number in range(100):
            check(Random(number), BROKEN[name])
