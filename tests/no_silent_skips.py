"""A pytest plugin: where CI is set, a skipped test is a failure unless tests/allowed_skips.txt gives its reason.

Loaded by `make test-python` with `-p tests.no_silent_skips`. Without CI it does nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ALLOWED_SKIPS = Path(__file__).with_name("allowed_skips.txt")


def allowed_skips(text: str) -> dict[str, str]:
    """Read `test id | reason` lines; a line without a reason is an error in the file, not a permission."""
    allowed = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        test_id, separator, reason = line.partition(" | ")
        if not separator or not reason.strip():
            raise ValueError(
                f"{ALLOWED_SKIPS.name}: no reason in {line!r}; write: test id | reason"
            )
        allowed[test_id.strip()] = reason.strip()
    return allowed


def is_allowed(node_id: str, allowed: dict[str, str]) -> bool:
    """An entry permits one test, all parameters of a test, or a whole file."""
    names = {node_id, node_id.partition("[")[0], node_id.partition("::")[0]}
    return not names.isdisjoint(allowed)


class SkipWatch:
    """Collects the skips of a run and fails the run for those without permission."""

    def __init__(self, allowed: dict[str, str]) -> None:
        self.allowed = allowed
        self.unexplained: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # An expected failure is reported as a skip too, but it ran.
        if report.skipped and not hasattr(report, "wasxfail"):
            self.note_skip(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        # A module that skips itself, with importorskip for instance.
        if report.skipped:
            self.note_skip(report.nodeid)

    def note_skip(self, node_id: str) -> None:
        if not is_allowed(node_id, self.allowed):
            self.unexplained.append(node_id)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.unexplained and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.unexplained:
            terminalreporter.section("skipped without permission", red=True)
            for node_id in self.unexplained:
                terminalreporter.line(node_id)
            terminalreporter.line(f"In CI a skip needs a line in {ALLOWED_SKIPS.name}.")


def pytest_configure(config: pytest.Config) -> None:
    # Of tests that run side by side (pytest-xdist), all reports come to the process that started the workers.
    is_worker = hasattr(config, "workerinput")
    if os.environ.get("CI") and not is_worker:
        config.pluginmanager.register(SkipWatch(allowed_skips(ALLOWED_SKIPS.read_text())))
