"""The progress of a long measurement: a bar on a terminal, plain lines elsewhere, nothing if quiet. Knows no arms."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from types import FrameType, TracebackType
from typing import Self

BAR_WIDTH = 24
REFRESH_S = 0.5
CLEAR_LINE = "\r\x1b[2K"


class Progress:
    """From `with` to its end; `total_s` is the planned time of all steps."""

    def __init__(self, total_s: float, *, quiet: bool) -> None:
        self.total_s = max(total_s, 0.001)
        self.quiet = quiet
        self.is_bar = not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.done_s = 0.0
        self.step_s = 0.0
        self.step_started = 0.0
        self.text = ""

    def __enter__(self) -> Self:
        if self.is_bar:
            # A signal rather than a thread: a second thread would endanger the fork of servers from this process.
            signal.signal(signal.SIGALRM, self._on_alarm)
            signal.setitimer(signal.ITIMER_REAL, REFRESH_S, REFRESH_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.is_bar:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            self._write(CLEAR_LINE)

    def plan(self, more_s: float) -> None:
        """There is more to do than known at first."""
        self.total_s += more_s

    def begin(self, text: str, planned_s: float) -> None:
        self.text, self.step_s, self.step_started = text, planned_s, time.monotonic()
        self._draw()

    def end(self, outcome: str) -> None:
        """The step is over, however long it took."""
        self.done_s += self.step_s
        self.step_s = 0.0
        if self.is_bar:
            self._draw()
        elif not self.quiet:
            self._write(f"{self.text}: {outcome}\n")

    def note(self, text: str) -> None:
        """A line that stays."""
        if not self.quiet:
            self._write(f"{CLEAR_LINE * self.is_bar}{text}\n")
            self._draw()

    def line(self, width: int) -> str:
        ran_s = min(time.monotonic() - self.step_started, self.step_s) if self.step_s else 0.0
        share = min(1.0, (self.done_s + ran_s) / self.total_s)
        filled = round(share * BAR_WIDTH)
        bar = "█" * filled + "░" * (BAR_WIDTH - filled)
        left_s = self.total_s * (1 - share)
        return f"{bar} {share:4.0%}  {duration(left_s)} left  {self.text}"[: max(width - 1, 1)]

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        self._draw()

    def _draw(self) -> None:
        if self.is_bar:
            self._write(CLEAR_LINE + self.line(shutil.get_terminal_size().columns))

    def _write(self, text: str) -> None:
        # Not through sys.stderr, whose buffer the alarm may find half written.
        try:
            os.write(sys.stderr.fileno(), text.encode())
        except (OSError, ValueError):
            self.is_bar, self.quiet = False, True


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
