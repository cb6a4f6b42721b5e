"""Header fields and query pairs as mappings: the first or last of a name, all of them, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping


class Headers(Mapping[str, str]):
    """Header fields. Names compare without regard to case; of several with one name, `headers[name]` is the first."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = list(pairs)

    def __getitem__(self, name: str) -> str:
        name = name.lower()
        for own, value in self._pairs:
            if own.lower() == name:
                return value
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(own.lower() == name.lower() for own, _ in self._pairs)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._pairs))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._pairs})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._pairs!r})"

    def getlist(self, name: str) -> list[str]:
        """All values of the name, in their order."""
        name = name.lower()
        return [value for own, value in self._pairs if own.lower() == name]

    def multi_items(self) -> list[tuple[str, str]]:
        """All fields, in their order and as they were written."""
        return list(self._pairs)


class MutableHeaders(Headers, MutableMapping[str, str]):
    """The fields of an answer."""

    __slots__ = ()

    def __setitem__(self, name: str, value: str) -> None:
        """Replaces all fields of the name."""
        del self[name]
        self._pairs.append((name, value))

    def __delitem__(self, name: str) -> None:
        """Removes all fields of the name, if any."""
        name = name.lower()
        self._pairs[:] = [pair for pair in self._pairs if pair[0].lower() != name]

    def append(self, name: str, value: str) -> None:
        """Adds a field beside those that have the name already."""
        self._pairs.append((name, value))


class QueryParams(Mapping[str, str]):
    """The query's pairs. Of several with one name, `query[name]` is the last."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = list(pairs)

    def __getitem__(self, name: str) -> str:
        for own, value in reversed(self._pairs):
            if own == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._pairs))

    def __len__(self) -> int:
        return len({name for name, _ in self._pairs})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._pairs!r})"

    def getlist(self, name: str) -> list[str]:
        """All values of the name, in their order."""
        return [value for own, value in self._pairs if own == name]

    def multi_items(self) -> list[tuple[str, str]]:
        """All pairs, in their order."""
        return list(self._pairs)
