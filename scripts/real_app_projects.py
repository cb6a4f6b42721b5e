"""The FastAPI projects whose routes `make fastapi-real-apps` tries: how each is made, and which routes are left alone.

Each app is made again in a process of its own, whose working directory is empty and its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Project:
    """One project of the package index."""

    package: str
    about: str
    make: Callable[[], Any]
    # Beginnings of paths, each with the reason why it is not called.
    left_alone: tuple[tuple[str, str], ...] = ()

    def is_called(self, path: str) -> bool:
        return not any(path.startswith(start) for start, _ in self.left_alone)


def make_agno() -> Any:
    """AgentOS with an agent and a workflow, and its database in memory. The agent has no key for its model."""
    from agno.agent import Agent
    from agno.db.in_memory import InMemoryDb
    from agno.os import AgentOS

    database = InMemoryDb()
    agents = [Agent(id="first", name="First", db=database), Agent(id="second", db=database)]
    return AgentOS(id="proof", agents=agents, db=database, telemetry=False).get_app()


def make_optimade() -> Any:
    """The reference server with the data that comes with it, in a MongoDB made of Python."""
    os.environ["OPTIMADE_INSERT_TEST_DATA"] = "true"
    os.environ["OPTIMADE_DATABASE_BACKEND"] = "mongomock"
    from optimade.server.main import app

    return app


def make_bioregistry() -> Any:
    """The registry of biological identifiers with the data that comes with it, and Flask pages below."""
    from bioregistry.app.impl import get_app

    return get_app()


def make_openbb() -> Any:
    """The API of all the extensions for markets; its sources of data have no keys, so they say no at once."""
    from openbb_core.api.rest_api import app

    return app


PROJECTS = {
    project.package: project
    for project in (
        Project("agno", "AgentOS, the server of a framework for agents", make_agno),
        Project("optimade", "the reference server for databases of materials", make_optimade),
        Project(
            "openbb-core",
            "the API of a platform for financial data",
            make_openbb,
            (
                (
                    "/openapi.json",
                    "written in the order of a set of classes, another in each process",
                ),
                ("/api/v1/economy/fred_search", "asks the network before it looks for its key"),
            ),
        ),
        Project("bioregistry", "the registry of identifiers in biology", make_bioregistry),
    )
}
