"""The cookies that a client keeps between its requests (RFC 6265, for the one host that a test talks to)."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from email.utils import parsedate_to_datetime


class CookieJar(MutableMapping[str, str]):
    """Cookies by name; what a test sets itself is sent to every path."""

    def __init__(self) -> None:
        # By name and path.
        self._kept: dict[tuple[str, str], str] = {}

    def __getitem__(self, name: str) -> str:
        for (own, _), value in self._kept.items():
            if own == name:
                return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        self._kept[name, "/"] = value

    def __delitem__(self, name: str) -> None:
        keys = [key for key in self._kept if key[0] == name]
        if not keys:
            raise KeyError(name)
        for key in keys:
            del self._kept[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._kept))

    def __len__(self) -> int:
        return len({name for name, _ in self._kept})

    def for_path(self, path: str) -> str:
        """The Cookie field for a request, longest paths first; empty without cookies."""
        path = path.partition("?")[0]
        fitting = [
            (own, name, value)
            for (name, own), value in self._kept.items()
            if path == own or path.startswith(own if own.endswith("/") else f"{own}/")
        ]
        fitting.sort(key=lambda cookie: -len(cookie[0]))
        return "; ".join(f"{name}={value}" for _, name, value in fitting)

    def take(self, field: str, path: str) -> tuple[str, str] | None:
        """Keeps what a Set-Cookie field sets, or forgets what it takes away; the cookie, if it stays."""
        pair, *attributes = field.split(";")
        name, equals, value = pair.strip().partition("=")
        if not equals or not name:
            return None
        said = {
            key.strip().lower(): text.strip()
            for key, _, text in (attribute.partition("=") for attribute in attributes)
        }
        own = said.get("path", "")
        if not own.startswith("/"):
            # The directory of the request (section 5.1.4).
            own = path.partition("?")[0].rpartition("/")[0] or "/"
        if is_over(said):
            self._kept.pop((name, own), None)
            return None
        self._kept[name, own] = value.strip()
        return name, value.strip()


def is_over(said: dict[str, str]) -> bool:
    """Whether attributes say that the time of the cookie is over; Max-Age goes before Expires."""
    from datetime import UTC, datetime

    if age := said.get("max-age"):
        return age.removeprefix("-").isdigit() and int(age) <= 0
    try:
        moment = parsedate_to_datetime(said.get("expires", ""))
    except ValueError:
        return False
    return moment.replace(tzinfo=moment.tzinfo or UTC) <= datetime.now(UTC)
