"""`turbo-shard doctor APP`: says what would happen to an app at its start, without serving it.

The app is imported as for a server, and once more as for a second shard. Its lifespan is not started.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from ..loading.app_instances import Instances, NoSecondInstance
from ..loading.app_loader import LoadedApp, load
from ..loading.interfaces import IN_WORDS
from ..module_sets import own_packages
from ..serving import fallbacks, sessions
from ..settings import Settings
from ..user_code.gil_watch import GilOn
from ..user_code.running import AppError
from .finding import Finding, Verdict


def examine_app(reference: str, settings: Settings, *, shards: int) -> list[Finding]:
    """What a start of this app with these options would do, on so many shards."""
    started = time.monotonic()
    try:
        is_gil_allowed = settings.allow_gil or shards == 1 or settings.mode == "process"
        loaded = load(reference, settings, allow_gil=is_gil_allowed)
    except GilOn as error:
        return [Finding("app's GIL", Verdict.FAIL, str(error))]
    except AppError as error:
        return [Finding("app", Verdict.FAIL, str(error))]
    took = time.monotonic() - started
    detail = f"{loaded.name} ({IN_WORDS[loaded.interface]}), imported in {took:.1f} s"
    findings = [Finding("app", Verdict.OK, detail)]
    if shards == 1:
        return [*findings, Finding("instances", Verdict.OK, "one, for the one shard")]
    findings += examine_instances(loaded, settings, shards=shards)
    findings += [
        Finding("sessions", Verdict.WARN, kept, advice) for kept, advice in sessions.found(settings)
    ]
    return findings


def examine_instances(loaded: LoadedApp, settings: Settings, *, shards: int) -> list[Finding]:
    if settings.mode == "process":
        return [Finding("instances", Verdict.OK, "one per worker process")]
    try:
        instances = Instances(
            loaded, wanted=settings.app_per_shard, mode=settings.mode, shards=shards
        )
        if not instances.is_per_shard:
            why = f": {instances.why_shared}" if instances.why_shared else ""
            return [Finding("instances", Verdict.OK, f"one for all {shards} shards{why}")]
        instances.prepare()
        # As on a shard's thread, which a set of modules belongs to.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(instances.make, 1).result()
    except NoSecondInstance as error:
        return [fallback(error, settings), *packages(loaded)]
    except AppError as error:
        return [Finding("instances", Verdict.FAIL, str(error))]
    detail = f"one per shard; {shards} take {shards} imports"
    return [Finding("instances", Verdict.OK, detail), *packages(loaded)]


def fallback(error: NoSecondInstance, settings: Settings) -> Finding:
    try:
        fallbacks.check_processes(error, settings)
    except AppError as refusal:
        return Finding("instances", Verdict.FAIL, str(refusal))
    return Finding(
        "instances",
        Verdict.WARN,
        f"one process per shard (--mode process), since there is {error}",
        "--shards 1 would serve it in one process",
    )


def packages(loaded: LoadedApp) -> list[Finding]:
    """Which installed packages each shard has of its own, and which are counted for all."""
    if loaded.another is None:
        return []
    own = loaded.another.modules.own
    reasons: dict[str, str] = {kept.package: f"keeps {kept.keeps}" for kept in own_packages.OWN}
    reasons |= dict.fromkeys(loaded.another.asked_for, "asked for by --own")
    reasons |= {name: f"refused ({why})" for name, why in loaded.another.refused.items()}
    findings = [
        Finding(
            "own package", Verdict.OK, f"{name}: {reasons.get(name, 'holds something of those')}"
        )
        for name in own.packages
        if name in sys.modules and own.is_installed(name)
    ]
    findings += [
        Finding("shared package", Verdict.OK, f"{kept.package}: keeps {kept.keeps}")
        for kept in own_packages.COUNTED
        if kept.package in sys.modules
    ]
    return findings
