"""A fixture for tests of apps. pytest loads this file wherever turbo-shard is installed, so it imports nothing else
until the fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .embedding import RunningServer

# What the fixture gives: (app, **settings) -> a server that runs.
type StartServer = Callable[..., RunningServer]


@pytest.fixture
def turbo_shard_server() -> Iterator[StartServer]:
    """Starts servers: `server = turbo_shard_server(app)`, with the settings of `turbo_shard.running`.

    What was started stops when the test ends, the last first.
    """
    from . import running

    with ExitStack() as servers:

        def start(app: object, **settings: Any) -> RunningServer:
            return servers.enter_context(running(app, **settings))

        yield start
