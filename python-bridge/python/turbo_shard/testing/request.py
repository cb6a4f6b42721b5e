"""Requests as a test writes them, made into bytes. Knows no connection."""

from __future__ import annotations

import json as json_module
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, NamedTuple
from urllib.parse import quote, urlencode, urljoin, urlsplit

type Pairs = Mapping[str, Any] | Iterable[tuple[str, Any]]
# Content, or a name and content, or these and a media type.
type File = bytes | str | IO[bytes] | tuple[Any, ...]

# Characters of a path that stay as they are: those of RFC 3986 section 3.3, and what is escaped already.
PATH_SAFE = "/:@!$&'()*+,;=~%"
QUERY_SAFE = PATH_SAFE + "?"


class Target(NamedTuple):
    """Where a request goes: what its Host says, and what its first line asks for."""

    host: str
    path: str
    url: str


def target_of(base_url: str, url: str, params: Pairs | None = None) -> Target:
    """`url` may be whole, or relative to `base_url`."""
    parts = urlsplit(urljoin(f"{base_url.rstrip('/')}/", url))
    query = "&".join(filter(None, (quote(parts.query, safe=QUERY_SAFE), encoded_pairs(params))))
    path = (quote(parts.path, safe=PATH_SAFE) or "/") + (f"?{query}" if query else "")
    return Target(parts.netloc, path, f"{parts.scheme}://{parts.netloc}{path}")


def encoded_pairs(pairs: Pairs | None) -> str:
    return urlencode(list_of_pairs(pairs), doseq=True)


def list_of_pairs(pairs: Pairs | None) -> list[tuple[str, Any]]:
    """Values as a form has them: None is empty, and bool as JSON writes it."""
    given = pairs.items() if isinstance(pairs, Mapping) else (pairs or ())
    return [
        (
            name,
            [in_form(one) for one in value] if isinstance(value, list | tuple) else in_form(value),
        )
        for name, value in given
    ]


def in_form(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def body_of(
    *,
    content: bytes | str | None,
    data: Pairs | None,
    json: Any,
    files: Mapping[str, File] | None,
) -> tuple[bytes | None, str]:
    """The body and its media type; None where there is no body."""
    if files:
        return multipart(list_of_pairs(data), files)
    if data is not None:
        return encoded_pairs(data).encode(), "application/x-www-form-urlencoded"
    if json is not None:
        return json_module.dumps(json, separators=(",", ":")).encode(), "application/json"
    if content is not None:
        return content.encode() if isinstance(content, str) else bytes(content), ""
    return None, ""


def multipart(fields: Sequence[tuple[str, Any]], files: Mapping[str, File]) -> tuple[bytes, str]:
    """RFC 7578."""
    boundary = os.urandom(16).hex()
    parts = []
    for name, value in fields:
        for one in value if isinstance(value, list) else [value]:
            parts.append(part(boundary, f'name="{escaped(name)}"', "", one.encode()))
    for name, file in files.items():
        filename, content, media_type = file_parts(name, file)
        disposition = f'name="{escaped(name)}"; filename="{escaped(filename)}"'
        parts.append(part(boundary, disposition, media_type, content))
    body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={boundary}"


def part(boundary: str, disposition: str, media_type: str, content: bytes) -> bytes:
    kind = f"Content-Type: {media_type}\r\n" if media_type else ""
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n"
    return head.encode() + content + b"\r\n"


def escaped(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def file_parts(name: str, file: File) -> tuple[str, bytes, str]:
    filename, content, *kind = file if isinstance(file, tuple) else (name, file)
    if hasattr(content, "read"):
        content = content.read()
    if isinstance(content, str):
        content = content.encode()
    return filename, content, kind[0] if kind else "application/octet-stream"


def head_of(method: str, target: Target, fields: Sequence[tuple[str, str]]) -> bytes:
    lines = [f"{method} {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    for line in lines:
        if "\r" in line or "\n" in line:
            raise ValueError(f"{line!r} is more than one line")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
