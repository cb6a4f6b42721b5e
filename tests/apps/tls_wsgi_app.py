"""A WSGI app that answers with what it is told of TLS."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    told = {name: value for name, value in environ.items() if name.startswith(("SSL_", "HTTPS"))}
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps(told).encode()]
