"""`turbo-shard stats PATH`: asks a running server's stats socket, once or again and again, and shows what it says.

Knows nothing of the server beyond the socket.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from ..cli.command_line import HELP_FLAGS, HELP_ROW, UsageError, help_lines, say, split
from ..cli.start import refuse
from ..settings.option import Kind, Option
from ..settings.values import read
from .client import StatsUnreadable, read_answer
from .schema import Answer
from .table import table

# No server answers there.
EXIT_UNREADABLE = 1

HELP = """\
usage: turbo-shard stats PATH [--watch SECONDS] [--json]

Shows what each shard of a running server does: the one that was started with
--stats-socket PATH.

options:
{options}"""
WATCH = Option(
    Kind.SECONDS,
    None,
    "show it again and again, with rates since the last time, until Ctrl-C",
    name="watch",
    unit="seconds",
    minimum=0.05,
    maximum=86_400.0,
)
ROWS = (
    (f"{WATCH.flag} {WATCH.placeholder}", WATCH.help),
    ("--json", "print the server's own line of JSON, once for each time it is asked"),
    HELP_ROW,
)


def command(arguments: Sequence[str]) -> int:
    given = split(arguments, texts=[WATCH.flag], switches=["--json", *HELP_FLAGS])
    if set(HELP_FLAGS).intersection(given.switches):
        return say(HELP.format(options=help_lines(ROWS)))
    if not given.rest:
        raise UsageError("which server? Name its socket, such as: turbo-shard stats /run/app.sock")
    if len(given.rest) > 1:
        raise UsageError(f"{given.rest[1]!r} is one argument too many")
    interval_s: Any = None
    if WATCH.flag in given.texts:
        interval_s = read(WATCH, given.texts[WATCH.flag], WATCH.flag)
    return show(given.rest[0], interval_s=interval_s, as_json="--json" in given.switches)


def show(path: str, *, interval_s: float | None, as_json: bool) -> int:
    before: Answer | None = None
    while True:
        try:
            answer = read_answer(path)
        except StatsUnreadable as error:
            # If the server was there and has gone, that is not the user's mistake.
            return (
                refuse(str(error)) if before is None else refuse(str(error), status=EXIT_UNREADABLE)
            )
        if as_json:
            say(json.dumps(answer))
        else:
            say(table(answer, before) + ("" if interval_s is None else "\n"))
        if interval_s is None:
            return 0
        before = answer
        time.sleep(interval_s)
