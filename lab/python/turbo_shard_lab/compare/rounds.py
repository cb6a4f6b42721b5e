"""Every arm once per round, round after round, each time on a freshly started server. Knows nothing of comparisons.

Rounds are interleaved: what the machine does meanwhile meets all arms alike. Every second round goes backwards: so does
a drift within a round. Each process is fresh: the luck of one memory layout must not pass for a fact.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..command_text import command_line
from ..load.generator import BrokenRun, WrongAnswer
from ..measure.server import PORT, ServerFailed
from ..measure.server_stats import StatsFailed
from ..results import ArmResult
from .arms import Arm
from .trial import Outcome, Trial, run_trial


class ArmAnsweredWrong(Exception):
    """The arm's name and the first difference: the figures of the whole comparison may not be used."""


@dataclass
class ArmRuns:
    """An arm with its runs so far, and what went wrong."""

    arm: Arm
    result: ArmResult
    # Failures of single runs of a peer that did well in others.
    broken: list[str] = field(default_factory=list)
    exit_statuses: set[int] = field(default_factory=set)
    gil_enabled: bool = False
    restarts: int = 0

    @staticmethod
    def of(arm: Arm) -> ArmRuns:
        words = [word.replace(PORT, "PORT") for word in arm.command]
        return ArmRuns(arm, ArmResult(arm.key, arm.label, command_line(words), arm.is_peer))

    @property
    def odd_exit_status(self) -> int | None:
        """How an arm that did not do as asked ended. Some peers end by the signal itself."""
        expected = {0, -signal.SIGTERM} if self.arm.is_peer else {0}
        return min(self.exit_statuses - expected, default=None)


type Report = Callable[[Arm, int, Outcome | str], None]
type RunTrial = Callable[[Arm, Trial, int], Outcome]


def run_rounds(
    arms: Sequence[ArmRuns],
    trial: Trial,
    rounds: int,
    report: Report,
    run: RunTrial = run_trial,
) -> None:
    """Fills the arms with runs and calls `report` after each. A wrong answer ends it all, any other failure its arm.

    The arms keep what was measured before an interruption.
    """
    for number in range(rounds):
        for one in arms if number % 2 == 0 else reversed(arms):
            if one.result.error is None:
                report(one.arm, number, run_once(one, trial, number, run))
    for one in arms:
        if one.broken and not one.result.runs:
            one.result.error = one.broken[-1]


def run_once(one: ArmRuns, trial: Trial, number: int, run: RunTrial) -> Outcome | str:
    """Adds a run, or notes what went wrong, and returns which."""
    try:
        outcome = run(one.arm, trial, number)
    except WrongAnswer as error:
        raise ArmAnsweredWrong(f"{one.arm.label}, round {number + 1}: {error}") from None
    except (ServerFailed, StatsFailed) as error:
        one.result.error = str(error)
        return str(error)
    except BrokenRun as error:
        # A peer may do better in the next round; the report says so.
        if one.arm.is_peer:
            one.broken.append(str(error))
        else:
            one.result.error = f"round {number + 1}: {error}"
        return str(error)
    one.result.runs.append(outcome.run)
    one.exit_statuses.add(outcome.exit_status)
    one.gil_enabled |= bool(outcome.gil_enabled)
    one.restarts += outcome.restarts
    return outcome
