"""Apps of the tests in tests/fastapi, to be served: one of them, or those without parts of their own as routers of one.

MAKE_APP names it, as test_fastapi_routes:ordered; several are given with spaces between them.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

from fastapi import FastAPI

HERE = Path(__file__).resolve().parents[1] / "fastapi"
sys.path[:0] = [str(HERE), str(HERE / "harness")]


def made(name: str) -> FastAPI:
    module, _, function = name.partition(":")
    found: FastAPI = getattr(import_module(module), function)()
    return found


def all_of(names: list[str]) -> FastAPI:
    if len(names) == 1:
        return made(names[0])
    app = FastAPI()
    for name in names:
        app.include_router(made(name).router, prefix=f"/{name.replace(':', '-')}")
    return app


app = all_of(os.environ["MAKE_APP"].split())
