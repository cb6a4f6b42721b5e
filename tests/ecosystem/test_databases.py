"""Libraries that map classes to tables or documents: each shard has its own classes, but all share the stored data."""

from __future__ import annotations

from pathlib import Path

import pytest
from library_server import Serve, Way, ask, post, serve

from refused_apps import write

NAMES = [f"name-{number}" for number in range(8)]


def test_sqlmodel_tutorial(serve_app: Serve) -> None:
    server = serve_app("sqlmodel_app:app")
    for name in NAMES:
        hero = {"name": name, "secret_name": "unknown", "age": 30}
        assert post(server, "/heroes/", json=hero).json()["name"] == name
    for answer in ask(server, "/heroes/"):
        assert sorted(hero["name"] for hero in answer.json()) == NAMES
    with server.client() as client:
        assert client.get("/heroes/99").status_code == 404


COMPANY_MODELS = """
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase):
    pass
"""


def test_sqlalchemy_base_of_an_installed_package(way: Way, tmp_path: Path) -> None:
    write(tmp_path, "site-packages/company_models/__init__.py", COMPANY_MODELS)
    installed = str(tmp_path / "site-packages")
    with serve("sqlalchemy_app:app", way, tmp_path=tmp_path, PYTHONPATH=installed) as server:
        for order in range(1, 7):
            post(server, f"/orders/{order}")
        for answer in ask(server, "/orders"):
            assert answer.json() == [[order, [True, True]] for order in range(1, 7)]


@pytest.mark.parametrize(("library", "path"), [("tortoise", "/teams"), ("peewee", "/authors")])
def test_models_that_refer_to_each_other(serve_app: Serve, library: str, path: str) -> None:
    server = serve_app(f"{library}_app:app")
    for name in NAMES:
        post(server, f"{path}/{name}")
    for answer in ask(server, path):
        assert answer.json() == [[name, [True]] for name in NAMES]


def test_mongoengine_documents(serve_app: Serve) -> None:
    server = serve_app("mongoengine_app:app")
    for answer in ask(server, "/"):
        assert answer.json() == {
            "documents": True,
            "inherited": True,
            "reference": True,
            "mongo": {"name": "Ada", "orders": []},
        }
