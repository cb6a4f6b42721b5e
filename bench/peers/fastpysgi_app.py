"""Serves an app of this directory with fastpysgi, which finds the app's interface by itself.

fastpysgi_app.py MODULE:ATTRIBUTE PORT WORKERS
"""

from __future__ import annotations

import importlib
import sys

import fastpysgi


def main() -> None:
    place, port, workers = sys.argv[1:]
    module, _, attribute = place.partition(":")
    app = getattr(importlib.import_module(module), attribute)
    fastpysgi.run(app, "127.0.0.1", int(port), workers=int(workers))


if __name__ == "__main__":
    main()
