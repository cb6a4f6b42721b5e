"""The objects in a WSGI environ besides text: a place for errors, and a wrapper for files. Knows no requests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol, Self

from ..logs import error_stream


class Readable(Protocol):
    """All that sending a file needs."""

    def read(self, size: int, /) -> bytes: ...


class ErrorStream:
    """`wsgi.errors`: the sys.stderr of the moment of each write. One per thread, so no count is shared."""

    def write(self, text: str) -> int:
        error_stream.write(sys.stderr, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        error_stream.write(sys.stderr, "".join(lines))

    def flush(self) -> None:
        if sys.stderr is not None and not error_stream.is_stderr(sys.stderr):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


class FileWrapper:
    """`wsgi.file_wrapper`: the blocks of a file. `close()` closes the file, if it can be closed."""

    def __init__(self, filelike: Readable, blksize: int = 64 * 1024) -> None:
        self.filelike = filelike
        self.blksize = blksize
        close: Callable[[], object] | None = getattr(filelike, "close", None)
        if close is not None:
            self.close = close

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if block := self.filelike.read(self.blksize):
            return block
        raise StopIteration
