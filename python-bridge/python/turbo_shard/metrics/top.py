"""`turbo-shard top PATH|URL`: a live view of a server's shards, by its stats socket or its metrics port.

Knows nothing of the server beyond what these say.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from ..cli.command_line import HELP_FLAGS, HELP_ROW, UsageError, help_lines, say, split
from ..cli.start import refuse
from .client import StatsUnreadable, read_answer
from .scrape import read_page
from .top_view import Moment, of_answer, of_scrape, view

REFRESH_S = 1.0
# No server answers there.
EXIT_UNREADABLE = 1
ROWS = (
    ("--sort COLUMN", "the column whose largest value stands first; by default shard"),
    HELP_ROW,
)
HELP = """\
usage: turbo-shard top PATH|URL [--sort COLUMN]

Shows what the shards of a running server do, once a second, until q or Ctrl-C:
the one that was started with --stats-socket PATH, or whose --metrics port is at
URL (127.0.0.1:9100). How long answers take is only known to the latter. Without
a terminal there is one table, of one second.

options:
{options}"""


def command(arguments: Sequence[str]) -> int:
    given = split(arguments, texts=["--sort"], switches=list(HELP_FLAGS))
    if set(HELP_FLAGS).intersection(given.switches):
        return say(HELP.format(options=help_lines(ROWS)))
    if not given.rest:
        raise UsageError(
            "which server? Name its stats socket or its metrics port, such as: turbo-shard top 127.0.0.1:9100"
        )
    if len(given.rest) > 1:
        raise UsageError(f"{given.rest[1]!r} is one argument too many")
    return show(given.rest[0], given.texts.get("--sort", "shard"))


def reader_of(place: str) -> Callable[[], Moment]:
    """A path has a slash; what has a port behind its last colon, or is a URL, is a metrics port."""
    if place.startswith("http://"):
        return lambda: of_scrape(read_page(place))
    if "/" not in place and place.rpartition(":")[2].isdigit():
        return lambda: of_scrape(read_page(f"http://{place}"))
    return lambda: of_answer(read_answer(place))


def show(place: str, sort: str) -> int:
    read = reader_of(place)
    try:
        before = read()
        if sort not in before.columns():
            raise UsageError(f"--sort: {sort!r} is none of {', '.join(before.columns())}")
        with screen() as terminal:
            while True:
                is_over = terminal.waits_for_quit(REFRESH_S)
                if is_over:
                    return 0
                now = read()
                terminal.draw(view(now, before, sort))
                if not terminal.is_live:
                    return 0
                before = now
    except StatsUnreadable as error:
        return refuse(str(error), status=EXIT_UNREADABLE)
    except KeyboardInterrupt:
        return 0


def screen() -> Screen:
    is_live = sys.stdin.isatty() and sys.stdout.isatty()
    return TerminalScreen() if is_live else Screen()


class Screen:
    """Where there is no terminal: one table."""

    is_live = False

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def waits_for_quit(self, seconds: float) -> bool:
        import time

        time.sleep(seconds)
        return False

    def draw(self, text: str) -> None:
        say(text)


class TerminalScreen(Screen):
    """The terminal's other screen, as `top` and `less` use it: what was there before is there afterwards."""

    is_live = True

    def __enter__(self) -> Screen:
        import termios
        import tty

        self.before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        sys.stdout.write("\x1b[?1049h\x1b[?25l")
        sys.stdout.flush()
        return self

    def __exit__(self, *exception: object) -> None:
        import termios

        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.before)

    def waits_for_quit(self, seconds: float) -> bool:
        import os
        import select

        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return bool(ready) and os.read(sys.stdin.fileno(), 64)[:1] in (b"q", b"Q", b"")

    def draw(self, text: str) -> None:
        import shutil

        columns, lines = shutil.get_terminal_size()
        shown = [line[:columns] for line in text.splitlines()[: lines - 1]]
        # Lines are written over, and what is left of older ones is erased: no flicker.
        sys.stdout.write("\x1b[H" + "".join(f"{line}\x1b[K\r\n" for line in shown) + "\x1b[J")
        sys.stdout.flush()
