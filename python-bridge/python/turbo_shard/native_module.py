"""The way to the module written in Rust, and one line for a person where it cannot be loaded."""

from __future__ import annotations

from typing import Any


class NativeMissing(Exception):
    """The module cannot be loaded; the text is one line."""


def native_module() -> Any:
    try:
        from . import _native
    except ImportError as error:
        raise NativeMissing(
            f"turbo_shard's native module cannot be loaded ({error}); "
            "build it with `make build`, for the Python that runs it"
        ) from None
    return _native
