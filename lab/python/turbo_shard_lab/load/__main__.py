"""The command `turbo-load`, and `python -m turbo_shard_lab.load`: the load generator, which is written in Rust.

Knows nothing of its options; `turbo-load --help` tells them.
"""

from __future__ import annotations

import signal
import sys

from turbo_shard.native_module import NativeMissing

from ..native import lab_native

EXIT_BROKEN = 4


def main() -> int:
    # The generator does not return to Python before its end, so Python's own handler would never get to run.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        native = lab_native()
    except NativeMissing as missing:
        print(f"turbo-load: {missing}", file=sys.stderr)
        return EXIT_BROKEN
    status: int = native.load_generator(sys.argv[1:])
    return status


if __name__ == "__main__":
    sys.exit(main())
