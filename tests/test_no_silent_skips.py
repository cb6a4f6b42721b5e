"""The guard against silent skips: it fails a run in CI, unless a reason is given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from no_silent_skips import allowed_skips, is_allowed
from places import ROOT

SKIPS_ONE = (
    'import pytest\n@pytest.mark.skip(reason="no")\ndef test_a(): pass\ndef test_b(): pass\n'
)
SKIPS_ITSELF = 'import pytest\npytest.importorskip("no_such_module_anywhere")\n'
SKIPS_NONE = "def test_a(): pass\n"
EXPECTS_A_FAILURE = (
    "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_a(): raise OSError\n"
)

# Far more than a run takes.
HANG_S = 100


def run_pytest(
    folder: Path, source: str, *, ci: str, workers: int = 0
) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(source)
    environment = os.environ | {"CI": ci, "PYTHONPATH": str(ROOT / "tests")}
    # Without the plugins that happen to be installed: some take a second to be imported.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ("-p", "xdist", "-p", "no_silent_skips", "--rootdir=.", "-q", f"-n{workers}")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("source", [SKIPS_ONE, SKIPS_ITSELF])
def test_skip_fails_the_run_in_ci(tmp_path: Path, source: str, workers: int) -> None:
    run = run_pytest(tmp_path, source, ci="true", workers=workers)
    assert run.returncode == 1, run.stdout
    assert "skipped without permission" in run.stdout


def test_skip_passes_outside_ci(tmp_path: Path) -> None:
    assert run_pytest(tmp_path, SKIPS_ONE, ci="").returncode == 0


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("source", [SKIPS_NONE, EXPECTS_A_FAILURE])
def test_run_without_skips_passes_in_ci(tmp_path: Path, source: str, workers: int) -> None:
    run = run_pytest(tmp_path, source, ci="true", workers=workers)
    assert run.returncode == 0, run.stdout


def test_permission_covers_a_test_its_parameters_and_a_file() -> None:
    allowed = allowed_skips(
        "# why\n\ntests/a.py::test_x | needs io_uring\ntests/b.py | needs two cores\n"
    )
    assert is_allowed("tests/a.py::test_x", allowed)
    assert is_allowed("tests/a.py::test_x[glommio]", allowed)
    assert is_allowed("tests/b.py::test_anything", allowed)
    assert not is_allowed("tests/a.py::test_y", allowed)


@pytest.mark.parametrize("line", ["tests/a.py::test_x", "tests/a.py::test_x | "])
def test_permission_without_reason_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no reason"):
        allowed_skips(line)
