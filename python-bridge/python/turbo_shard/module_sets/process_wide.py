"""Libraries that stay shared though shards' modules register with them: metrics are summed, log handlers are separate.

Applied once there are several sets of modules in the process; packages that are imported later are adapted then.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from . import log_handlers, summed_metrics

if TYPE_CHECKING:
    from .shard_modules import ShardModules


def follow_sets(modules: ShardModules) -> None:
    """From now on shared libraries ask which set registers, and which one is served."""
    log_handlers.follow(modules)
    modules.after_import[summed_metrics.MODULE] = lambda module: summed_metrics.follow(
        module, modules
    )
    for name, mend in modules.after_import.items():
        if (module := sys.modules.get(name)) is not None:
            mend(module)
