"""The journal of one request: what happens in it, in its order. Apps of the tests write to it, the exchange reads it.

Knows no FastAPI. The journal is global: that a request loses its context or its task on the way is a thing to find.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

MARK: ContextVar[str] = ContextVar("MARK", default="-")
"""What apps set to see how far it reaches."""


@dataclass
class Journal:
    entries: list[str] = field(default_factory=list)
    loop_thread: int = field(default_factory=threading.get_ident)
    tasks: list[asyncio.Task[object] | None] = field(default_factory=list)

    def place(self) -> str:
        """Where this code runs: one of the loop's tasks, by the order in which they appeared, or a worker thread."""
        if threading.get_ident() != self.loop_thread:
            return "worker"
        task = asyncio.current_task()
        if task not in self.tasks:
            self.tasks.append(task)
        return f"task {self.tasks.index(task)}"


_open: list[Journal] = []


@contextmanager
def open_journal() -> Iterator[Journal]:
    journal = Journal()
    handler = _LogEntries()
    root = logging.getLogger()
    level = root.level
    _open.append(journal)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            # Come whenever something is collected, and be it another test's.
            warnings.simplefilter("ignore", ResourceWarning)
            warnings.showwarning = _note_warning
            yield journal
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        _open.pop()


def note(text: object, *values: object) -> None:
    """Writes what happened, with where it did and the context's mark."""
    if _open:
        journal = _open[-1]
        shown = " ".join([str(text), *map(repr, values)])
        journal.entries.append(f"{shown} [{journal.place()}, {MARK.get()}]")


def mark(value: str) -> None:
    """Sets the mark, and says so."""
    MARK.set(value)
    note("marked")


def _note_warning(message: Warning | str, category: type[Warning], *place: object) -> None:
    """Without its places: in FastAPI's code or a plan's, and on the thread where something was serialized."""
    _open[-1].entries.append(f"warned {category.__name__} {message}")


class _LogEntries(logging.Handler):
    """Log records, among what else happens."""

    def emit(self, record: logging.LogRecord) -> None:
        raised = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        note("log", record.name, record.levelname, record.getMessage(), raised)
