"""The command line of `turbo-shard simulate`: read, checked, explained. Simulates and measures nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turbo_shard.cli.command_line import HELP_FLAGS, UsageError, help_lines, split
from turbo_shard.settings.values import read_whole

from . import calibration
from .calibration import Calibration, CalibrationError
from .prediction import POLICIES, Question
from .service_times import FORMS, ServiceTimeError, read_distribution, read_time_us

USAGE = """\
usage: turbo-shard simulate [options]
       turbo-shard simulate --calibrate APP [--path PATH] [--calibration FILE]

Predicts, by a seeded simulation with costs that were measured, what requests wait in each architecture on
machines with more cores than this one: shards, processes and work stealing. docs/simulation.md says what
is modelled, what is left out, and how far predictions were from measurements.

options:
{options}

Service times: {forms}.
Exit status: 0 done; 1 the calibration failed; 2 wrong usage; 130 interrupted."""

DEFAULT_SHARDS = (2, 4, 8, 14, 16, 32, 64, 128)
DEFAULT_LOADS = (0.3, 0.7, 0.9)
DEFAULT_POLICIES = ("hash", "least", "process", "steal")
SHARDS_MAX = 1024
CONNECTIONS_MAX = 1_000_000
ROUNDS_MAX = 1000
REQUESTS_MAX = 100_000_000
SEED_MAX = 2**53
BLOCKING_THREADS = 4

ROWS = (
    ("--shards LIST", "cores, such as 14, 2,4,8 or 2..16 (default: 2,4,8,14,16,32,64,128)"),
    ("--load LIST", "shares of the cores' time, each above 0 and below 1 (default: 0.3,0.7,0.9)"),
    ("--service SPEC", "a core's time in the handler (default: fixed:100us)"),
    ("--connections N", "altogether, or N/shard (default: 32/shard)"),
    ("--policies LIST", f"of {', '.join(POLICIES)} (default: {','.join(DEFAULT_POLICIES)})"),
    (
        "--arrivals KIND",
        "open, pool (on any free connection), closed or closed:TIME (to think) (default: open)",
    ),
    ("--pipeline N", "requests in flight on one connection (default: 1)"),
    ("--async-wait SPEC", "the handler awaits for so long besides"),
    ("--blocking-wait SPEC", "the handler waits for so long on a thread of its core's pool"),
    ("--blocking-threads N", f"of each core's pool (default: {BLOCKING_THREADS})"),
    ("--shared-objects", "requests write objects that all cores of a process share, as calibrated"),
    ("--set NAME=VALUE,…", "other costs than those calibrated, such as wake_us=3,shared_us=0.5"),
    ("--calibration FILE", "the costs to use, or where --calibrate writes them (default: ours)"),
    ("--calibrate APP", "measures the costs on this machine with an app of yours; half a minute"),
    ("--path PATH", "asked of APP when calibrating (default: /)"),
    ("--app-dir DIR", "directory that APP's module is looked for in first"),
    ("--requests N", "per run (default: by cores and service times, at least 50,000)"),
    ("--rounds N", "runs with different seeds; tables show median and range (default: 5)"),
    ("--seed N", "of the first round (default: 1)"),
    ("--json FILE", "writes every figure; - prints it instead of the table"),
    ("--quiet", "no progress"),
    ("-h, --help", "print this and stop"),
)
TEXTS = tuple(flag.split()[0] for flag, _ in ROWS if " " in flag and not flag.startswith("-h"))
SWITCHES = ("--shared-objects", "--quiet", *HELP_FLAGS)


@dataclass(frozen=True)
class SimulateOptions:
    """The user's request; every value has been checked."""

    shards: tuple[int, ...]
    # None is a closed loop.
    loads: tuple[float | None, ...]
    policies: tuple[str, ...]
    question: Question
    calibration: Calibration
    rounds: int
    seed: int
    json_file: str | None
    quiet: bool


@dataclass(frozen=True)
class CalibrateOptions:
    app: str
    path: str
    app_dir: Path | None
    file: Path
    quiet: bool = field(default=False)


def help_text() -> str:
    return USAGE.format(options=help_lines(ROWS), forms=FORMS)


def wants_help(arguments: Sequence[str]) -> bool:
    return not set(HELP_FLAGS).isdisjoint(arguments)


def options_from(arguments: Sequence[str]) -> SimulateOptions | CalibrateOptions:
    given = split(arguments, texts=TEXTS, switches=SWITCHES)
    if given.rest:
        raise UsageError(f"{given.rest[0]!r} is one argument too many")
    texts, quiet = given.texts, "--quiet" in given.switches
    file = Path(texts.get("--calibration", str(calibration.DEFAULT_FILE)))
    if "--calibrate" in texts:
        allowed = {"--calibrate", "--path", "--app-dir", "--calibration"}
        if odd := sorted(texts.keys() - allowed):
            raise UsageError(f"{odd[0]} has no meaning with --calibrate")
        directory = Path(texts["--app-dir"]) if "--app-dir" in texts else None
        return CalibrateOptions(
            texts["--calibrate"], texts.get("--path", "/"), directory, file, quiet
        )
    if odd := sorted(texts.keys() & {"--path", "--app-dir"}):
        raise UsageError(f"{odd[0]} needs --calibrate")
    try:
        costs = calibrated(file, texts.get("--set"), "--shared-objects" in given.switches)
        return simulate_options(texts, costs, quiet)
    except (CalibrationError, ServiceTimeError) as error:
        raise UsageError(str(error)) from None


def simulate_options(texts: dict[str, str], costs: Calibration, quiet: bool) -> SimulateOptions:
    arrivals, think_us = arrivals_from(texts.get("--arrivals", "open"))
    if arrivals == "closed" and "--load" in texts:
        raise UsageError("--load has no meaning with --arrivals closed, which asks all it can")
    loads: tuple[float | None, ...] = (None,)
    if arrivals != "closed":
        loads = tuple(listed(texts, "--load", read_load, DEFAULT_LOADS))
    connections, are_per_core = connections_from(texts.get("--connections", "32/shard"))
    own = costs.parameters["request_us"].value
    question = Question(
        service=read_distribution(texts.get("--service", "fixed:100us"), own_request_us=own),
        costs=costs.costs(),
        connections=connections,
        are_per_core=are_per_core,
        arrivals=arrivals,
        think_us=think_us,
        pipeline=whole(texts, "--pipeline", 1, 1 << 20),
        handler=handler_from(texts),
        requests=whole(texts, "--requests", 0, REQUESTS_MAX) or None,
    )
    return SimulateOptions(
        shards=tuple(sorted(set(shards_from(texts.get("--shards"))))),
        loads=loads,
        policies=tuple(listed(texts, "--policies", read_policy, DEFAULT_POLICIES)),
        question=question,
        calibration=costs,
        rounds=whole(texts, "--rounds", 5, ROUNDS_MAX),
        seed=whole(texts, "--seed", 1, SEED_MAX, least=0),
        json_file=texts.get("--json"),
        quiet=quiet,
    )


def calibrated(file: Path, changes: str | None, shares_objects: bool) -> Calibration:
    found = calibration.read(file)
    values = {}
    if shares_objects:
        values["shared_us"] = found.parameters["shared_object_us"].value
    for part in filter(None, (changes or "").split(",")):
        name, equals, text = part.partition("=")
        if not equals or re.fullmatch(r"\d+(\.\d+)?", text, flags=re.ASCII) is None:
            raise UsageError(f"--set: {part!r} is not NAME=VALUE with a number from 0")
        values[name] = float(text)
    return found.with_values(values)


def handler_from(texts: dict[str, str]) -> dict[str, Any]:
    if "--async-wait" in texts and "--blocking-wait" in texts:
        raise UsageError("--async-wait and --blocking-wait exclude each other")
    if "--blocking-threads" in texts and "--blocking-wait" not in texts:
        raise UsageError("--blocking-threads needs --blocking-wait")
    if "--async-wait" in texts:
        wait = read_distribution(texts["--async-wait"], own_request_us=0.0)
        return {"kind": "async", "wait": wait}
    if "--blocking-wait" in texts:
        wait = read_distribution(texts["--blocking-wait"], own_request_us=0.0)
        threads = whole(texts, "--blocking-threads", BLOCKING_THREADS, 65_536)
        return {"kind": "blocking", "wait": wait, "threads": threads}
    return {"kind": "inline"}


def arrivals_from(text: str) -> tuple[str, float]:
    kind, colon, think = text.partition(":")
    if kind == "closed":
        return kind, read_time_us(think) if colon else 0.0
    if kind in ("open", "pool") and not colon:
        return kind, 0.0
    raise UsageError(f"--arrivals: {text!r} is none of open, pool, closed and closed:TIME")


def connections_from(text: str) -> tuple[int, bool]:
    number, slash, unit = text.partition("/")
    if slash and unit not in ("shard", "core"):
        raise UsageError(f"--connections: {text!r} is neither N nor N/shard")
    return read_between("--connections", number, 1, CONNECTIONS_MAX), bool(slash)


def shards_from(text: str | None) -> list[int]:
    if text is None:
        return list(DEFAULT_SHARDS)
    found: list[int] = []
    for part in text.split(","):
        low, dots, high = part.partition("..")
        first = read_between("--shards", low, 1, SHARDS_MAX)
        last = read_between("--shards", high, 1, SHARDS_MAX) if dots else first
        if last < first:
            raise UsageError(f"--shards: {part!r} ends before it begins")
        found += range(first, last + 1)
    return found


def listed[T](
    texts: dict[str, str], flag: str, read: Callable[[str, str], T], default: Sequence[T]
) -> list[T]:
    if flag not in texts:
        return list(default)
    return list(dict.fromkeys(read(flag, part.strip()) for part in texts[flag].split(",")))


def read_load(flag: str, text: str) -> float:
    value = float(text) if re.fullmatch(r"\d*\.?\d+", text, flags=re.ASCII) else 0.0
    if not 0 < value < 1:
        raise UsageError(f"{flag}: {text!r} is not above 0 and below 1, such as 0.7")
    return value


def read_policy(flag: str, text: str) -> str:
    if text not in POLICIES:
        raise UsageError(f"{flag}: {text!r} is none of {', '.join(POLICIES)}")
    return text


def whole(texts: dict[str, str], flag: str, default: int, most: int, *, least: int = 1) -> int:
    return read_between(flag, texts[flag], least, most) if flag in texts else default


def read_between(flag: str, text: str, least: int, most: int) -> int:
    try:
        value = read_whole(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise UsageError(f"{flag}: {text!r} is no whole number from {least} to {most}")
    return value
