"""Serves wsgi_app.py or asgi_app.py with fastpysgi.

fastpysgi_app.py wsgi|asgi PORT WORKERS
"""

from __future__ import annotations

import sys

import asgi_app
import fastpysgi
import wsgi_app

APPS = {"wsgi": wsgi_app.app, "asgi": asgi_app.app}


def main() -> None:
    interface, port, workers = sys.argv[1:]
    app = APPS[interface]
    fastpysgi.run(app, "127.0.0.1", int(port), workers=int(workers))


if __name__ == "__main__":
    main()
