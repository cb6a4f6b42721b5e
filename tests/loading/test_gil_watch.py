"""Apps whose extension modules switch the GIL on: refused by name, or served when that is allowed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from refused_apps import GOOD_APP, error_line, write
from server_process import ServerProcess

pytestmark = pytest.mark.skipif(
    "t" not in sys.abiflags, reason="a build with a GIL has nothing to switch on"
)

EXTENSION = """\
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "wants_gil", NULL, 0, NULL};
PyMODINIT_FUNC PyInit_wants_gil(void) { return PyModuleDef_Init(&definition); }
"""


@pytest.fixture(scope="module")
def gil_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app whose extension module says nothing about the GIL, so Python switches it on."""
    folder = tmp_path_factory.mktemp("gil")
    compiler = shutil.which("cc")
    assert compiler is not None, "cargo links with cc, so it is here"
    (folder / "wants_gil.c").write_text(EXTENSION)
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    subprocess.run(
        [
            compiler,
            "-shared",
            "-fPIC",
            f"-I{sysconfig.get_path('include')}",
            *(["-DPy_GIL_DISABLED"] if sysconfig.get_config_var("Py_GIL_DISABLED") else []),
            str(folder / "wants_gil.c"),
            "-o",
            str(folder / f"wants_gil{suffix}"),
        ],
        check=True,
        timeout=60,
    )
    write(folder, "middle.py", "import wants_gil\n")
    write(
        folder,
        "app.py",
        """\
        import warnings
        warnings.simplefilter("ignore")
        import middle
        from turbo_shard import App
        app = App()
        @app.get("/")
        def index(): return {"it": "works"}
        """,
    )
    return folder


def test_extension_that_switches_the_gil_on_is_refused_by_name(gil_folder: Path) -> None:
    line = error_line(gil_folder, "app:app")
    assert line.startswith("the extension module 'wants_gil' switched the GIL on")
    assert "--allow-gil" in line


def test_extension_that_switches_the_gil_on_is_served_when_allowed(gil_folder: Path) -> None:
    with (
        ServerProcess("app:app", "--allow-gil", app_dir=gil_folder) as server,
        server.client() as client,
    ):
        assert client.get("/").json() == {"it": "works"}
        assert "GIL ON" in server.log
        assert "turbo-shard: warning: the GIL is on" in server.log


def test_gil_that_was_on_from_the_start_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "good.py", GOOD_APP)
    assert "PYTHON_GIL=1" in error_line(tmp_path, "good:app", PYTHON_GIL="1")


def test_gil_kept_off_by_the_user_is_accepted(gil_folder: Path) -> None:
    variables = {"PYTHON_GIL": "0"}
    with ServerProcess("app:app", app_dir=gil_folder, variables=variables) as server:
        assert "GIL off" in server.log
