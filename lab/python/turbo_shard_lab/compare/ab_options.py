"""The command line of `turbo-shard ab`: read, checked, and explained. Starts and measures nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from turbo_shard.cli.command_line import HELP_FLAGS, Split, UsageError, help_lines, split
from turbo_shard.settings.groups.bounds import SECONDS_MAX
from turbo_shard.settings.table import OPTION_BY_NAME
from turbo_shard.settings.values import SettingsError, read, read_seconds, read_whole

DEFAULT_ARMS = "shard,steal,process"

USAGE = """\
usage: turbo-shard ab APP --path /users/123 [options] [-- OPTIONS OF THE SERVER]

Serves APP in each arm (shard, steal and process mode), asks it the same questions under the same
load, in rounds that are interleaved, and says what that shows, with confidence intervals.

Without --rate and --connections it first finds what each arm can serve at most, and then measures
latency while all arms are offered half of what the slowest of them can.

options:
{options}

Exit status: 0 measured; 1 an arm gave a wrong answer or broke, or none could run; 2 wrong usage, or APP does
not answer with success; 130 interrupted, after printing what was measured until then."""

ROWS = (
    (
        "--path PATH",
        "asked of the app; several are a mix; {n} in it is a number that changes (default: /)",
    ),
    ("--method METHOD", "of every request (default: GET)"),
    ("--header 'NAME: VALUE'", "sent with every request; may be given several times"),
    ("--body TEXT", "sent with every request; @FILE sends a file"),
    (
        "--any-body",
        "checks only the status of answers; without it every body has to be right, unless two probes differ",
    ),
    (
        "--rate R",
        "requests per second, which arrive at random, however slow the answers are (open loop)",
    ),
    (
        "--connections C",
        "keep-alive connections; without --rate each asks as soon as it is answered (closed loop) (default: 64)",
    ),
    ("--duration S", "seconds that are measured, of each arm in each round (default: 10)"),
    ("--rounds N", "rounds; with fewer than 5 no difference can be shown (default: 5)"),
    (
        "--arms LIST",
        f"shard, engines (shard mode on each), shard-ENGINE, steal, process (default: {DEFAULT_ARMS})",
    ),
    ("--shards N", "of each arm (default: one per core of the server)"),
    (
        "--server-cores LIST",
        "cores of the server, such as 0-5 or 0,2 (default: all but the load's)",
    ),
    ("--load-cores LIST", "cores of the load (default: the last quarter, at least one)"),
    ("--app-dir DIR", "directory that the app's module is looked for in first (default: this one)"),
    ("--factory", "APP names a function without arguments that makes the app"),
    ("--interface NAME", "how the app is called (default: auto)"),
    (
        "--server-options TEXT",
        "further options of every arm's server; they may also stand after --",
    ),
    ("--json FILE", "writes everything that was measured"),
    ("--html FILE", "writes a report with charts, in one file"),
    ("--seed N", "of arrivals and of the confidence intervals (default: 1)"),
    ("--quiet", "no progress, only the result"),
    ("-h, --help", "print this and stop"),
)
TEXTS = tuple(flag.split()[0] for flag, _ in ROWS if " " in flag and not flag.startswith("-h"))
SWITCHES = ("--any-body", "--factory", "--quiet", *HELP_FLAGS)
# The options that define arms.
SET_BY_ARMS = ("--mode", "--engine", "--host", "--port", "--shards", "--stats-socket")

DEFAULT_CONNECTIONS = 64
DEFAULT_SEED = 1
CONNECTIONS_MAX = 20_000
RATE_MAX = 10_000_000.0
ROUNDS_MAX = 1000
DURATION_MIN_S = 0.1
ARMS_MAX = 32
SEED_MAX = 2**53


@dataclass(frozen=True)
class AbOptions:
    """The user's request; every value has been checked."""

    app: str
    paths: tuple[str, ...]
    method: str
    headers: tuple[str, ...]
    # The body to send, or after an @ the file that has it.
    body: str
    any_body: bool
    rate: float | None
    # None: neither was given, so the load follows from what the arms can serve.
    connections: int | None
    duration_s: float
    rounds: int
    arms: tuple[str, ...]
    shards: int | None
    server_cores: tuple[int, ...] | None
    load_cores: tuple[int, ...] | None
    # Everything after the program that does not make the arm.
    app_arguments: tuple[str, ...]
    json_file: Path | None
    html_file: Path | None
    seed: int
    quiet: bool


def help_text() -> str:
    return USAGE.format(options=help_lines(ROWS))


def wants_help(arguments: Sequence[str]) -> bool:
    own = arguments[: list(arguments).index("--")] if "--" in arguments else arguments
    return bool(set(HELP_FLAGS).intersection(own))


def options_from(arguments: Sequence[str]) -> AbOptions:
    """Raises UsageError or SettingsError with one line that says what to change."""
    arguments = list(arguments)
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    given = split(arguments[:cut], texts=TEXTS, switches=SWITCHES, several=("--path", "--header"))
    if not given.rest:
        raise UsageError("which app? Name it as MODULE:ATTRIBUTE, such as: turbo-shard ab app:app")
    if len(given.rest) > 1:
        raise UsageError(f"{given.rest[1]!r} is one argument too many")
    shards = text_as(
        given, "--shards", lambda text: read(OPTION_BY_NAME["shards"], text, "--shards")
    )
    return AbOptions(
        app=given.rest[0],
        paths=tuple(map(checked_path, given.every("--path") or ["/"])),
        method=checked_method(given.texts.get("--method", "GET")),
        headers=tuple(map(checked_header, given.every("--header"))),
        body=checked_body(given.texts.get("--body", "")),
        any_body="--any-body" in given.switches,
        rate=number(given, "--rate", 0.1, RATE_MAX),
        connections=whole(given, "--connections", 1, CONNECTIONS_MAX),
        duration_s=number(given, "--duration", DURATION_MIN_S, SECONDS_MAX) or 10.0,
        rounds=whole(given, "--rounds", 1, ROUNDS_MAX) or 5,
        arms=names_of(given.texts.get("--arms", DEFAULT_ARMS)),
        shards=shards if isinstance(shards, int) else None,
        server_cores=cores(given, "--server-cores"),
        load_cores=cores(given, "--load-cores"),
        app_arguments=app_arguments(given, arguments[cut + 1 :]),
        json_file=writable(given, "--json"),
        html_file=writable(given, "--html"),
        seed=seed if (seed := whole(given, "--seed", 0, SEED_MAX)) is not None else DEFAULT_SEED,
        quiet="--quiet" in given.switches,
    )


def app_arguments(given: Split, after: list[str]) -> tuple[str, ...]:
    """The app's own options as they were given; the server itself says what it makes of the others."""
    try:
        further = [*shlex.split(given.texts.get("--server-options", "")), *after]
    except ValueError as error:
        raise SettingsError(f"--server-options: {error}") from None
    for word in further:
        if (flag := word.partition("=")[0]) in SET_BY_ARMS:
            remedy = "give it before --" if flag == "--shards" else "choose arms with --arms"
            raise UsageError(f"{flag} of the server is set by ab: {remedy}")
    own = ["--app-dir", given.texts["--app-dir"]] if "--app-dir" in given.texts else []
    own += ["--interface", given.texts["--interface"]] if "--interface" in given.texts else []
    own += ["--factory"] if "--factory" in given.switches else []
    own += ["--shards", given.texts["--shards"]] if "--shards" in given.texts else []
    return (*own, *further)


def text_as[T](given: Split, flag: str, reader: Callable[[str], T]) -> T | None:
    return reader(given.texts[flag]) if flag in given.texts else None


def number(given: Split, flag: str, least: float, most: float) -> float | None:
    return in_bounds(given, flag, read_seconds, least, most, "a number")


def whole(given: Split, flag: str, least: int, most: int) -> int | None:
    return in_bounds(given, flag, read_whole, least, most, "a whole number")


def in_bounds[N: (int, float)](
    given: Split, flag: str, reader: Callable[[str], N], least: N, most: N, kind: str
) -> N | None:
    text = given.texts.get(flag)
    if text is None:
        return None
    try:
        value = reader(text.strip())
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise SettingsError(f"{flag}: {text!r} is not {kind} from {least:g} to {most:,}")
    return value


def cores(given: Split, flag: str) -> tuple[int, ...] | None:
    """`0-3,6` as (0, 1, 2, 3, 6)."""
    text = given.texts.get(flag)
    if text is None:
        return None
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part.strip(), flags=re.ASCII)
        if match is None:
            raise SettingsError(f"{flag}: {text!r} is no list of cores, such as 0-3,6")
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    if not found:
        raise SettingsError(f"{flag}: {text!r} names no core")
    return tuple(sorted(found))


def names_of(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not 1 <= len(names) <= ARMS_MAX:
        raise SettingsError(f"--arms: {text!r} is no list of arms, such as {DEFAULT_ARMS}")
    return names


def checked_path(text: str) -> str:
    if not text.startswith("/") or not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError(f"--path: {text!r} is no path such as /users/123, percent-encoded")
    return text


def checked_method(text: str) -> str:
    if re.fullmatch(r"[A-Z]{1,20}", text, flags=re.ASCII) is None or text in ("HEAD", "CONNECT"):
        raise SettingsError(
            f"--method: {text!r} is not supported; answers without bodies cannot be checked"
        )
    return text


def checked_header(text: str) -> str:
    name, colon, value = text.partition(":")
    if not colon or re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, flags=re.ASCII) is None:
        raise SettingsError(f"--header: {text!r} is not NAME: VALUE")
    if not value.isprintable() or not value.isascii():
        raise SettingsError(f"--header: {text!r} has characters that cannot stand in a header")
    if name.lower() in ("content-length", "host", "connection", "transfer-encoding"):
        raise SettingsError(f"--header: {name} is set by the load generator")
    return f"{name}: {value.strip()}"


def checked_body(text: str) -> str:
    if text.startswith("@") and not Path(text[1:]).is_file():
        raise SettingsError(f"--body: there is no file {text[1:]}")
    return text


def writable(given: Split, flag: str) -> Path | None:
    """Refuses before anything is measured rather than after."""
    text = given.texts.get(flag)
    if text is None:
        return None
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise SettingsError(
            f"{flag}: {text} cannot be written: there is no such directory, or it is one"
        )
    return path
