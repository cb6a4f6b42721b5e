"""Answers that say more than a value can: status, headers, cookies, a stream. Does not know how they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from .headers import MutableHeaders

if TYPE_CHECKING:
    from datetime import datetime

# Positional, as in Starlette: users move handlers from there.

type HeaderFields = Mapping[str, str] | Iterable[tuple[str, str]]


class Response:
    """An answer: bytes, or text that is sent as UTF-8."""

    media_type: str | None = None

    def __init__(
        self,
        content: Any = None,
        status_code: int = 200,
        headers: HeaderFields | None = None,
        media_type: str | None = None,
    ) -> None:
        self.status_code = status_code
        if media_type is not None:
            self.media_type = media_type
        self.headers = _fields(headers)
        self.body = self.render(content)
        if self.media_type is not None and "content-type" not in self.headers:
            self.headers["content-type"] = _with_charset(self.media_type)

    def render(self, content: Any) -> bytes:
        """The body's bytes."""
        if content is None:
            return b""
        if isinstance(content, str):
            return content.encode()
        if isinstance(content, bytes | bytearray | memoryview):
            return bytes(content)
        raise TypeError(f"a Response is made of str or bytes, not of {type(content).__name__}")

    def set_cookie(
        self,
        key: str,
        value: str = "",
        *,
        max_age: int | None = None,
        expires: datetime | str | int | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: Literal["lax", "strict", "none"] | None = "lax",
    ) -> None:
        """Adds a cookie. `max_age` and a number for `expires` are seconds from now."""
        from .cookies import cookie

        text = cookie(
            key,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
        )
        self.headers.append("set-cookie", text)

    def delete_cookie(
        self,
        key: str,
        *,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: Literal["lax", "strict", "none"] | None = "lax",
    ) -> None:
        """Makes the peer forget a cookie; path and domain must be those with which it was set."""
        self.set_cookie(
            key,
            max_age=0,
            expires=0,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
        )


class PlainTextResponse(Response):
    """Text."""

    media_type = "text/plain"


class HTMLResponse(Response):
    """A page."""

    media_type = "text/html"


class JSONResponse(Response):
    """Any value as JSON, None and text too, by the rules by which a handler's dict becomes JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        from .._native import json_encode
        from .json_fallback import json_fallback

        return json_encode(content, json_fallback)


class RedirectResponse(Response):
    """Sends the peer elsewhere: 307 keeps the method, 303 makes it GET."""

    def __init__(
        self, url: str, status_code: int = 307, headers: HeaderFields | None = None
    ) -> None:
        from urllib.parse import quote

        if not 300 <= status_code <= 399:
            raise ValueError(f"a redirect's status is 300 to 399, not {status_code!r}")
        super().__init__(None, status_code, headers)
        self.headers["location"] = quote(str(url), safe=":/%#?=@[]!$&'()*+,;")


class StreamingResponse(Response):
    """An answer in pieces, each sent when the peer has room: of `bytes` or `str`, from an iterator, async or not."""

    def __init__(
        self,
        content: Iterable[str | bytes] | AsyncIterable[str | bytes],
        status_code: int = 200,
        headers: HeaderFields | None = None,
        media_type: str | None = None,
    ) -> None:
        self.is_async = hasattr(content, "__aiter__")
        if not self.is_async and not hasattr(content, "__iter__"):
            raise TypeError(
                f"a StreamingResponse is made of an iterator, not of {type(content).__name__}"
            )
        if isinstance(content, str | bytes):
            raise TypeError(
                "a StreamingResponse of one str or bytes would send it by the letter; use Response"
            )
        super().__init__(None, status_code, headers, media_type)
        self.content = content


def _fields(headers: HeaderFields | None) -> MutableHeaders:
    if headers is None:
        return MutableHeaders()
    return MutableHeaders(headers.items() if isinstance(headers, Mapping) else headers)


def _with_charset(media_type: str) -> str:
    if media_type.startswith("text/") and "charset=" not in media_type.lower():
        return f"{media_type}; charset=utf-8"
    return media_type
