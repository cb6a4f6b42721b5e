"""What a Python interpreter is, and the packages it has. Installs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..measure.machine import output_of

ABOUT = "import sys, sysconfig; print(*sys.version_info[:2], int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))))"
IN_FULL = "import sys, platform; print(platform.python_implementation(), sys.version)"
# The kinds of interpreter.
GIL, FREE_THREADED = "gil", "free-threaded"


def version_of(python: Path) -> tuple[str, str] | None:
    """`3.14t` and its kind; None if that is no Python."""
    found = re.fullmatch(r"(\d+) (\d+) ([01])", output_of([str(python), "-I", "-c", ABOUT]))
    if found is None:
        return None
    is_free = found[3] == "1"
    return f"{found[1]}.{found[2]}{'t' * is_free}", FREE_THREADED if is_free else GIL


def python_of(python: Path) -> str:
    return " ".join(output_of([str(python), "-I", "-c", IN_FULL]).split())


def packages_of(python: Path, names: Iterable[str]) -> str:
    script = (
        "from importlib.metadata import version\n"
        f"print(*(f'{{name}} {{version(name)}}' for name in {list(names)!r}), sep=', ')"
    )
    return output_of([str(python), "-I", "-c", script])
