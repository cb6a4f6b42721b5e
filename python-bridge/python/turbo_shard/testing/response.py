"""An answer as a test reads it, by the names that httpx and Starlette have for its parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..native.headers import Headers
from .wire import Head


class StatusError(Exception):
    """What `raise_for_status()` raises."""

    def __init__(self, response: ClientResponse) -> None:
        super().__init__(f"{response.status_code} {response.reason_phrase} for {response.url}")
        self.response = response


class ClientResponse:
    """One answer. Where it is streamed, its body is read while it is asked for."""

    def __init__(self, head: Head, pieces: Iterator[bytes], *, method: str, url: str) -> None:
        self.status_code = head.status_code
        self.reason_phrase = head.reason
        self.headers = Headers(head.fields)
        self.method = method
        self.url = url
        # The answers that led here by redirects.
        self.history: list[ClientResponse] = []
        # What the answer itself sets.
        self.cookies: dict[str, str] = {}
        self._pieces = pieces
        self._content: bytes | None = None

    def __repr__(self) -> str:
        return f"<ClientResponse [{self.status_code} {self.reason_phrase}]>"

    # The body.

    def iter_bytes(self) -> Iterator[bytes]:
        """Its pieces as they come; once, or after `read()` all at once."""
        if self._content is not None:
            yield self._content
        else:
            yield from self._pieces

    def iter_lines(self) -> Iterator[str]:
        """Its lines as they come, without their ends."""
        left = b""
        for piece in self.iter_bytes():
            *lines, left = (left + piece).split(b"\n")
            for line in lines:
                yield line.removesuffix(b"\r").decode(self.encoding, "replace")
        if left:
            yield left.decode(self.encoding, "replace")

    def read(self) -> bytes:
        if self._content is None:
            self._content = b"".join(self._pieces)
        return self._content

    @property
    def content(self) -> bytes:
        return self.read()

    @property
    def encoding(self) -> str:
        """What the media type says, or UTF-8."""
        for parameter in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = parameter.strip().partition("=")
            if name.lower() == "charset":
                return value.strip("\"'") or "utf-8"
        return "utf-8"

    @property
    def text(self) -> str:
        return self.content.decode(self.encoding, "replace")

    def json(self) -> Any:
        return json.loads(self.content)

    # The status.

    @property
    def is_success(self) -> bool:
        return 200 <= self.status_code < 300

    @property
    def is_redirect(self) -> bool:
        return self.status_code in (301, 302, 303, 307, 308) and "location" in self.headers

    @property
    def is_error(self) -> bool:
        return self.status_code >= 400

    def raise_for_status(self) -> ClientResponse:
        if self.is_error:
            raise StatusError(self)
        return self
