"""Python source in the making, and the objects that it names. Knows nothing of FastAPI."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any


class Code:
    """Lines of a function's body."""

    def __init__(self, depth: int = 0) -> None:
        self.lines: list[str] = []
        self.depth = depth
        # Whether code of the app is called in it.
        self.is_call = False

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    @contextlib.contextmanager
    def block(self, header: str) -> Iterator[None]:
        """`header` and a colon; what is written meanwhile stands below it."""
        self.line(f"{header}:")
        self.depth += 1
        yield
        self.depth -= 1

    def add(self, other: Code) -> None:
        """The lines of `other`, at this depth."""
        self.lines.extend("    " * self.depth + line for line in other.lines)


class Names:
    """Objects that source refers to, each under one name."""

    def __init__(self) -> None:
        self.objects: dict[str, object] = {}
        self.known: dict[tuple[str, int], str] = {}

    def of(self, hint: str, value: object) -> str:
        """The name of `value`; the same object has one name for each hint."""
        key = (hint, id(value))
        name = self.known.get(key)
        if name is None:
            name = self.known[key] = f"{hint}_{len(self.objects)}"
            self.objects[name] = value
        return name


def build(functions: list[Code], result: str, names: Names) -> Any:
    """Run the definitions in `functions`, and return what they call `result`.

    The objects are parameters of a function around them: routes of the same shape share their code.
    """
    parameters = ", ".join(names.objects)
    text = [f"def make({parameters}):"]
    for function in functions:
        text.extend(f"    {line}" for line in function.lines)
    text.append(f"    return {result}")
    make = maker_of("\n".join(text))
    return make(*names.objects.values())


@functools.lru_cache(maxsize=4096)
def maker_of(text: str) -> Callable[..., Any]:
    code: CodeType = compile(text, "<turbo_shard: compiled FastAPI route>", "exec")
    namespace: dict[str, Any] = {"__name__": __name__}
    # The text is ours: what it has of the app are identifiers, and literals by `repr`.
    exec(code, namespace)
    made: Callable[..., Any] = namespace["make"]
    return made
