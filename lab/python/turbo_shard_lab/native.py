"""The way to the lab's own module written in Rust, and one line for a person where it cannot be loaded."""

from __future__ import annotations

from typing import Any

from turbo_shard.native_module import NativeMissing


def lab_native() -> Any:
    try:
        from . import _native
    except ImportError as error:
        raise NativeMissing(
            f"turbo_shard_lab's native module cannot be loaded ({error}); "
            "build it with `make build`, for the Python that runs it"
        ) from None
    return _native
