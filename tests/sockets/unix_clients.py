"""Clients of servers that listen on Unix sockets."""

from __future__ import annotations

import ast
import socket
from typing import Any

import httpx

from waiting import TIMEOUT_S


def client_of(path: str) -> httpx.Client:
    # A name in the abstract namespace begins with a NUL for the kernel.
    place = "\0" + path[1:] if path.startswith("@") else path
    transport = httpx.HTTPTransport(uds=place)
    return httpx.Client(base_url="http://app.example", transport=transport, timeout=TIMEOUT_S)


def scope_of(client: httpx.Client) -> dict[str, Any]:
    """The scope that tests/apps/asgi_app.py was given."""
    scope: dict[str, Any] = ast.literal_eval(client.get("/scope").text)
    return scope


def listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        return True
