"""Installed packages that keep what modules register with them: separate for each shard, or summed over all."""

from __future__ import annotations

from pathlib import Path

import pytest

from refused_apps import error_line
from server_process import ServerProcess
from shard_apps import SHARDS, app_of, of_each_shard
from turbo_shard.module_sets import own_packages

# A package that keeps registrations, and refuses the same name a second time.
KEEPER = """\
names = []
class Base:
    def __init_subclass__(cls):
        register(cls.__name__)
def register(name):
    if name in names:
        raise ValueError(f"{name} is there already")
    names.append(name)
"""


USES_KEEPER = """
from keeper import Base, names
class Item(Base): ...
def answer(path): return names
"""


def test_package_that_refuses_is_made_the_shards_own(tmp_path: Path) -> None:
    app_of(tmp_path, USES_KEEPER, keeper=KEEPER)
    with ServerProcess("app:app", "--shards", "3", app_dir=tmp_path) as server:
        assert of_each_shard(server, shards=3) == [["Item"]] * 3
    lines = [line for line in server.lines if "keeper" in line]
    assert lines == [
        (
            "turbo-shard: keeper is each shard's own from here on: it refused a second instance of "
            "app:app (ValueError: Item is there already); --own keeper says so from the start"
        )
    ]


def test_package_of_the_base_class_is_found_behind_the_one_that_refuses(tmp_path: Path) -> None:
    """As with SQLAlchemy and a Base that an installed package defines."""
    app_of(
        tmp_path,
        "from company import Base\nimport keeper\nclass Item(\n    Base,\n): ...\n"
        "def answer(path): return [Base.__module__, *Base.names]\n",
        keeper="class Meta(type):\n"
        "    def __init__(cls, name, bases, space):\n"
        "        if bases:\n"
        "            assert name not in bases[0].names, 'is there already'\n"
        "            bases[0].names.append(name)\n",
        company="from keeper import Meta\nclass Base(metaclass=Meta):\n    names = []\n",
    )
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        assert of_each_shard(server) == [["company", "Item"]] * 2
    assert "company is each shard's own" in server.log
    assert "keeper is each shard's own" not in server.log


def test_packages_that_refuse_one_after_another_are_all_made_own(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        "import one, two\none.register('x')\ntwo.register('x')\n"
        "def answer(path): return [one.names, two.names]\n",
        one=KEEPER,
        two=KEEPER,
    )
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        assert of_each_shard(server) == [[["x"], ["x"]]] * 2


def test_own_is_asked_for(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        "import keeper, other\nkeeper.register(0)\nkeeper.names.append(other.value)\n"
        "def answer(path): return len(keeper.names)\n",
        keeper="names = []\nregister = names.append\n",
        other="value = 1\n",
    )
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        assert of_each_shard(server) == [4, 4]
    with ServerProcess("app:app", *SHARDS, "--own", "keeper", app_dir=tmp_path) as server:
        assert of_each_shard(server) == [2, 2]
    variables = {"TURBO_SHARD_OWN": "other,keeper"}
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path, variables=variables) as server:
        assert of_each_shard(server) == [2, 2]


def test_what_holds_something_of_an_own_package_is_own_too(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        "import extra, further, keeper, plain\n"
        "def answer(path):\n"
        "    mine = extra.Base is keeper.Base and further.extra is extra\n"
        "    return [mine, id(keeper), id(plain)]\n",
        keeper=KEEPER,
        extra="from keeper import Base\n",
        further="import extra\n",
        plain="",
    )
    with ServerProcess("app:app", *SHARDS, "--own", "keeper", app_dir=tmp_path) as server:
        first, second = of_each_shard(server)
    assert isinstance(first, list) and isinstance(second, list)
    assert first[0] is second[0] is True
    assert first[1] != second[1], "its own"
    assert first[2] == second[2], "shared"


def test_package_with_modules_and_objects_that_are_not_what_they_seem(tmp_path: Path) -> None:
    """Modules made by hand, as Celery has them, and proxies that fail when they are looked at, as Django's settings."""
    app_of(
        tmp_path,
        "import keeper, odd\n"
        "def answer(path):\n"
        "    return [id(keeper), sys.modules['keeper.made'].Base is keeper.Base, id(odd)]\n",
        keeper=KEEPER
        + "import sys, types\n"
        + "made = sys.modules['keeper.made'] = types.ModuleType('keeper.made')\n"
        + "made.Base = Base\n",
        odd="class Proxy:\n"
        "    def __getattribute__(self, name):\n"
        "        raise RuntimeError('not set up')\n"
        "proxy = Proxy()\n"
        # A class without __module__, as C code may make them.
        "bare = {}\n"
        "exec('made = type(\"Made\", (), {})', bare)\n"
        "made = bare['made']\n",
    )
    with ServerProcess("app:app", *SHARDS, "--own", "keeper", app_dir=tmp_path) as server:
        first, second = of_each_shard(server)
    assert isinstance(first, list) and isinstance(second, list)
    assert first[0] != second[0]
    assert first[1] is second[1] is True
    assert first[2] == second[2]


@pytest.mark.parametrize(
    ("package", "why"),
    [
        ("nowhere", "there is no package 'nowhere'"),
        ("json", "json is Python's own"),
        ("turbo_shard", "turbo_shard is the server's"),
        ("pydantic_core", "pydantic_core has the extension module pydantic_core._pydantic_core"),
    ],
)
def test_package_that_cannot_be_own_is_refused(tmp_path: Path, package: str, why: str) -> None:
    app_of(tmp_path, "import pydantic\ndef answer(path): ...\n")
    line = error_line(tmp_path, "app:app", *SHARDS, "--own", package)
    assert line.startswith(f"--own: {why}")


def test_table_names_each_package_once() -> None:
    names = [kept.package for kept in (*own_packages.OWN, *own_packages.COUNTED)]
    assert len(set(names)) == len(names)
    assert names == sorted(own_packages.OWN_NAMES) + sorted(own_packages.COUNTED_NAMES)


# Factories.


def test_factory_finds_modules_of_its_shard(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        "import keeper\nmade = []\n"
        "def create_app():\n    keeper.register('x')\n    made.append(1)\n    return app\n"
        "def answer(path): return [len(made), keeper.names]\n",
        keeper=KEEPER,
    )
    with ServerProcess("app:create_app", "--factory", *SHARDS, app_dir=tmp_path) as server:
        assert of_each_shard(server) == [[1, ["x"]]] * 2
