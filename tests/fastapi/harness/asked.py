"""Requests as tests write them: a line, some headers, a body. Knows neither apps nor answers."""

from __future__ import annotations

import json as json_module
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

NOT_GIVEN: Any = object()

# As the ASGI service of the server has it; below 2.4 Starlette listens for the end of the connection itself.
SPEC_VERSION = "2.3"


@dataclass(frozen=True)
class Asked:
    """One request. `chunks` is its body, as it comes in."""

    line: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    chunks: tuple[bytes, ...] = ()
    # The client goes away after the last chunk, before the body has ended.
    leaves: bool = False
    root_path: str = ""
    http_version: str = "1.1"

    def __str__(self) -> str:
        shown = [self.line]
        shown += [f"{name.decode('latin-1')}={value!r}" for name, value in self.headers[1:]]
        if self.chunks:
            shown.append(repr(b"|".join(self.chunks)))
        text = " ".join(shown).encode("ascii", "backslashreplace").decode()
        return text if len(text) <= 100 else text[:97] + "..."

    @property
    def is_websocket(self) -> bool:
        return self.line.startswith("WS ")

    def scope(self, state: dict[str, Any]) -> dict[str, Any]:
        """With the keys, and their order, of the server's ASGI service."""
        method, _, target = self.line.partition(" ")
        raw_path, _, query = target.partition("?")
        scope: dict[str, Any] = {
            "type": "websocket" if self.is_websocket else "http",
            "scheme": "ws" if self.is_websocket else "http",
            "root_path": self.root_path,
            "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
            "http_version": self.http_version,
            "method": method,
            "path": self.root_path + unquote(raw_path),
            "raw_path": self.root_path.encode() + raw_path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "headers": list(self.headers),
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
            "extensions": {"http.response.trailers": {}, "http.response.early_hint": {}},
            "state": dict(state),
        }
        if self.is_websocket:
            del scope["method"]
            scope |= {"subprotocols": [], "extensions": {"websocket.http.response": {}}}
        return scope


def ask(
    line: str,
    *header_lines: str | bytes,
    json: Any = NOT_GIVEN,
    body: str | bytes | None = None,
    chunks: tuple[bytes, ...] | None = None,
    leaves: bool = False,
    root_path: str = "",
    http_version: str = "1.1",
) -> Asked:
    """`ask("POST /a", "x-token: 1", json={})`. A JSON body comes with its content type, any other with none."""
    headers = [(b"host", b"shop.test:8000")]
    for header_line in header_lines:
        raw = header_line.encode("latin-1") if isinstance(header_line, str) else header_line
        name, _, value = raw.partition(b":")
        headers.append((name.lower(), value.strip()))
    if json is not NOT_GIVEN:
        body = json_module.dumps(json)
        headers.append((b"content-type", b"application/json"))
    if body is not None:
        chunks = (body.encode() if isinstance(body, str) else body,)
        headers.append((b"content-length", str(len(chunks[0])).encode()))
    elif chunks:
        headers.append((b"transfer-encoding", b"chunked"))
    return Asked(line, tuple(headers), chunks or (), leaves, root_path, http_version)


def asked(request: Asked | str) -> Asked:
    return ask(request) if isinstance(request, str) else request


def gets(targets: str) -> list[Asked]:
    """A GET for each word."""
    return [ask(f"GET {target}") for target in targets.split()]
