"""Header fields as TurboAPI's code handles them: a dict, here one that looks names up without regard to case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

# The server itself writes these and knows better: TurboAPI's own server drops them too.
SERVER_OWNED = frozenset(("content-length", "server", "date", "connection", "transfer-encoding"))


class Fields(dict[str, Any]):
    """Names are kept in lower case. In an answer, a list stands for several fields of one name."""

    def __init__(self, pairs: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__()
        for name, value in pairs:
            self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(str(name).lower(), value)

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name.lower())

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def pop(self, name: str, *default: Any) -> Any:
        return super().pop(name.lower(), *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        return super().setdefault(name.lower(), default)

    def update(self, *others: Any, **named: Any) -> None:
        for name, value in dict(*others, **named).items():
            self[name] = value

    def append(self, name: str, value: str) -> None:
        """Adds a field beside those of the same name."""
        known = self.get(name)
        if known is None:
            self[name] = value
        else:
            self[name] = [*known, value] if isinstance(known, list) else [known, value]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The fields of an answer, one by one."""
        for name, value in self.items():
            if name not in SERVER_OWNED:
                for one in value if isinstance(value, list | tuple) else (value,):
                    yield name, str(one)


def request_fields(pairs: Iterable[tuple[str, str]]) -> Fields:
    """A request's fields; of several with one name, the values stand together as HTTP allows."""
    found = Fields()
    for name, value in pairs:
        known = found.get(name)
        found[name] = value if known is None else f"{known}{separator_of(name)}{value}"
    return found


def separator_of(name: str) -> str:
    """What stands between the values of several fields of a name."""
    return "; " if name.lower() == "cookie" else ", "
