"""Makes target/bench-files, which `make bench-files` has served: files of three sizes, the same each time."""

from __future__ import annotations

import base64
import random
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent / "target" / "bench-files"
SIZES = {"1k": 1 << 10, "100k": 100 << 10, "10m": 10 << 20}


def content(size: int) -> bytes:
    """Without braces: in the body that turbo-load expects, {n} is a number."""
    return base64.b64encode(random.Random(size).randbytes(size))[:size]


def main() -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        path = HOME / f"{name}.bin"
        if not path.exists() or path.read_bytes() != content(size):
            path.write_bytes(content(size))


if __name__ == "__main__":
    main()
