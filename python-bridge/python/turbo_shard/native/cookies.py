"""Writes a Set-Cookie field (RFC 6265). The native side reads cookies."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")
_ATTRIBUTE = re.compile(r"[ -:<-~]*")


def cookie(
    name: str,
    value: str,
    *,
    max_age: int | None,
    expires: datetime | str | int | None,
    path: str | None,
    domain: str | None,
    secure: bool,
    httponly: bool,
    samesite: str | None,
) -> str:
    """The field's value; ValueError for text that a cookie cannot hold."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a cookie")
    if not isinstance(value, str):
        raise TypeError(f"a cookie's value is a str, not {type(value).__name__}")
    parts = [f"{name}={_quoted(value)}"]
    if max_age is not None:
        if not isinstance(max_age, int):
            kind = type(max_age).__name__
            raise TypeError(f"a cookie's max_age is an int of seconds, not {kind}")
        parts.append(f"Max-Age={max_age:d}")
    if expires is not None:
        parts.append(f"Expires={_attribute('expires', _moment(expires))}")
    if domain is not None:
        parts.append(f"Domain={_attribute('domain', domain)}")
    if path is not None:
        parts.append(f"Path={_attribute('path', path)}")
    if secure:
        parts.append("Secure")
    if httponly:
        parts.append("HttpOnly")
    if samesite is not None:
        if samesite.lower() not in ("lax", "strict", "none"):
            raise ValueError(f"samesite is lax, strict or none, not {samesite!r}")
        parts.append(f"SameSite={samesite.capitalize()}")
    return "; ".join(parts)


def _quoted(value: str) -> str:
    """The value as it is, or as http.cookies quotes it, which is how Python frameworks read it."""
    if _VALUE.fullmatch(value):
        return value
    from http.cookies import _quote

    if any(ord(character) > 0xFF for character in value):
        raise ValueError(
            f"the cookie value {value!r} is not Latin-1; encode it, for instance with urllib.parse.quote"
        )
    quoted: str = _quote(value)
    return quoted


def _attribute(name: str, value: str) -> str:
    if not _ATTRIBUTE.fullmatch(value):
        raise ValueError(f"{name}={value!r} holds what a cookie's attribute cannot")
    return value


def _moment(expires: datetime | str | int) -> str:
    if isinstance(expires, str):
        return expires
    if isinstance(expires, int):
        expires = datetime.now(UTC) + timedelta(seconds=expires)
    from email.utils import format_datetime

    return format_datetime(expires.astimezone(UTC), usegmt=True)
