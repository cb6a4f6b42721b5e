"""A Python that everybody may read, for servers that root starts and that become nobody."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from server_process import ServerProcess

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


@contextmanager
def public_python() -> Iterator[Path]:
    """This Python and turbo_shard, to put apps beside; the usual ones may be in root's home."""
    with TemporaryDirectory(prefix="ts-") as path:
        home = Path(path)
        home.chmod(0o755)
        library = Path("lib", f"python{sysconfig.get_config_var('LDVERSION')}")
        left_out = shutil.ignore_patterns("test", "site-packages", "__pycache__", "idlelib")
        shutil.copytree(
            sysconfig.get_path("stdlib"), home / library, copy_function=put, ignore=left_out
        )
        for shared in Path(sysconfig.get_config_var("LIBDIR")).glob("libpython*.so*"):
            put(str(shared.resolve()), str(home / "lib" / shared.name))
        package = home / library / "site-packages" / "turbo_shard"
        shutil.copytree(package_folder(), package, copy_function=put, ignore=left_out)
        (home / "bin").mkdir()
        put(os.path.realpath(sys.executable), str(home / "bin" / "python"))
        yield home


def package_folder() -> Path:
    found = find_spec("turbo_shard")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent


def put(source: str, target: str) -> None:
    """Its bytes are there once, where one file system has both."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def served_as_nobody(public: Path, app: str, *options: str) -> ServerProcess:
    return ServerProcess(
        app,
        *("--user", "nobody", "--shards", "2"),
        *options,
        app_dir=public,
        command=(str(public / "bin/python"), "-B", "-m", "turbo_shard"),
        variables={"LD_LIBRARY_PATH": str(public / "lib")},
    )
