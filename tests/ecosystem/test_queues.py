"""Task queues: each shard's tasks are registered with its own code's objects."""

from __future__ import annotations

from library_server import Serve, ask


def test_celery_tasks(serve_app: Serve) -> None:
    server = serve_app("celery_app:app")
    for answer in ask(server, "/"):
        assert answer.json() == {
            "current": True,
            "add": 3,
            "multiply": 12,
            "registered": True,
            "waiting": True,
        }


def test_dramatiq_actors(serve_app: Serve) -> None:
    server = serve_app("dramatiq_app:app")
    for answer in ask(server, "/{}"):
        assert answer.json() == ["count", True, True]
