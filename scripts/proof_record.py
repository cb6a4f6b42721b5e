"""What the proofs about FastAPI found: docs/fastapi-proof.json, of which docs/fastapi-proof.md has its tables."""

from __future__ import annotations

import json
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "fastapi-proof.json"
PAGE = ROOT / "docs" / "fastapi-proof.md"
BEGIN, END = "<!-- proof:begin -->", "<!-- proof:end -->"
# What the bytes of answers depend on.
COMPANIONS = ("fastapi", "starlette", "pydantic", "pydantic_core")


def keep(part: str, found: dict[str, Any]) -> None:
    """Put one part of the record in place of the last one, and into the page."""
    kept = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    version = platform.python_version() + ("" if sys._is_gil_enabled() else "t")
    versions = {name: metadata.version(name) for name in COMPANIONS}
    kept[part] = {"python": version, "versions": versions, "found": found}
    RECORD.write_text(json.dumps(kept, indent=2) + "\n")
    PAGE.write_text(page_with(PAGE.read_text(), tables(kept)))


def page_with(text: str, shown: str) -> str:
    """The page with these tables between its markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"error: {PAGE.name} has lost its markers")
    return f"{before}{BEGIN}\n\n{shown}\n\n{END}{after}"


def tables(kept: dict[str, Any]) -> str:
    parts = []
    if "tests" in kept:
        head = ("tests of", "passed", "other", "requests", "compiled", "end differently")
        parts += [about(kept["tests"]), table(head, tests_rows(kept["tests"]["found"]))]
    if "real_apps" in kept:
        head = ("project", "routes", "compiled", "requests", "by plans", "answered differently")
        parts += [about(kept["real_apps"]), table(head, apps_rows(kept["real_apps"]["found"]))]
    return "\n\n".join(parts)


def about(part: dict[str, Any]) -> str:
    names = ", ".join(f"{name} {version}" for name, version in part["versions"].items())
    return f"CPython {part['python']}, {names}:"


def tests_rows(found: dict[str, Any]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for name, run in found.items():
        endings = run["endings"]
        other = ", ".join(f"{number} {how}" for how, number in endings.items() if how != "passed")
        numbers = (run["requests"], run["compiled"], run["differences"])
        rows.append((name, endings["passed"], other, *numbers))
    return rows


def apps_rows(found: dict[str, Any]) -> list[tuple[object, ...]]:
    columns = ("routes", "compiled", "requests", "by_plans", "differences")
    return [
        (f"{name} {app['version']}", *(app[column] for column in columns))
        for name, app in found.items()
    ]


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
