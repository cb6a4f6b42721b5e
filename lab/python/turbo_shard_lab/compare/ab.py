"""`turbo-shard ab`: compares the architectures with an app of the user's own, on this machine."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from turbo_shard.cli.command_line import UsageError, say
from turbo_shard.logs.error_stream import write_line
from turbo_shard.native_module import native_module

from .. import results
from ..command_text import command_line
from ..measure import machine, own_process, placement
from ..measure.own_process import EXIT_INTERRUPTED
from ..measure.placement import Placement
from ..progress import Progress
from ..results import Results
from . import arms
from .ab_options import DEFAULT_CONNECTIONS, AbOptions, help_text, options_from, wants_help
from .answers import ArmsDiffer, NoSuccess, Route, is_text, sent_bytes
from .experiment import Experiment, NothingRan, Plan
from .rounds import ArmAnsweredWrong
from .table import text_of

EXIT_FAILED = 1
EXIT_USAGE = 2
SERVER = "turbo-shard"


def command(arguments: Sequence[str]) -> int:
    """Runs `turbo-shard ab` and returns its exit status."""
    if wants_help(arguments):
        return say(help_text())
    options = options_from(arguments)
    plan = plan_of(options, placement_of(options))
    chosen = chosen_arms(options)
    found = Results(
        name="turbo-shard ab",
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=machine.commit_of(Path.cwd()),
        seed=options.seed,
        duration_s=0.0,
        command=command_line([SERVER, "ab", *arguments]),
        machine=machine.describe(),
        versions=machine.versions(),
        warnings=warnings(plan.placement),
    )
    own_process.prepare()
    own_process.stay_on(plan.placement.load)
    return measure(options, plan, chosen, found)


def measure(options: AbOptions, plan: Plan, chosen: Sequence[arms.Arm], found: Results) -> int:
    """Measures, and shows what there is, however it ends."""
    started = time.monotonic()
    status, complaint = 0, ""
    with (
        tempfile.TemporaryDirectory(prefix="turbo-shard-ab-") as folder,
        Progress(plan.total_s(len(chosen)), quiet=options.quiet) as progress,
    ):
        progress.note(plan.announcement(len(chosen)))
        experiment = Experiment(plan, chosen, progress, Path(folder), found.scenarios)
        try:
            experiment.run()
        except NoSuccess as error:
            status, complaint = EXIT_USAGE, str(error)
        except NothingRan as error:
            status, complaint = EXIT_FAILED, f"no arm could run: {error}"
        except ArmsDiffer as error:
            status, complaint = EXIT_FAILED, f"the arms do not answer alike: {error}"
        except ArmAnsweredWrong as error:
            remedy = "if answers may differ from each other, --any-body checks their status only"
            status, complaint = EXIT_FAILED, f"wrong answer in {error}; {remedy}"
        except KeyboardInterrupt:
            status, complaint = EXIT_INTERRUPTED, "interrupted; what is shown was measured before"
    found.duration_s = round(time.monotonic() - started, 1)
    if status == 0 and experiment.broken:
        status = EXIT_FAILED
    if not (complaint or has_figures(found)):
        complaint = f"nothing could be measured: {experiment.failures()}"
    return show(options, found, status, complaint)


def has_figures(found: Results) -> bool:
    return any(arm.runs for scenario in found.scenarios for arm in scenario.arms)


def show(options: AbOptions, found: Results, status: int, complaint: str) -> int:
    """A run with wrong answers shows no figures: they may not be used."""
    if has_figures(found) and (not complaint or status == EXIT_INTERRUPTED):
        if complaint:
            found.warnings.append(complaint)
        say(text_of(found))
        write_files(options, found)
    if complaint:
        write_line(sys.stderr, f"turbo-shard: error: {complaint}")
    return status


def write_files(options: AbOptions, found: Results) -> None:
    if options.json_file is not None:
        results.write(found, options.json_file)
    if options.html_file is not None:
        from ..report import html

        options.html_file.write_text(html(found))


def placement_of(options: AbOptions) -> Placement:
    try:
        return placement.place(
            sorted(os.sched_getaffinity(0)), server=options.server_cores, load=options.load_cores
        )
    except placement.PlacementError as error:
        raise UsageError(str(error)) from None


def plan_of(options: AbOptions, where: Placement) -> Plan:
    body = sent_bytes(options.body)
    if len(set(options.paths)) > 1 and not is_text(body):
        raise UsageError("--body: a mix of paths can send text only")
    return Plan(
        routes=tuple(Route(options.method, path, options.headers, body) for path in options.paths),
        any_body=options.any_body,
        rate=options.rate,
        connections=options.connections or DEFAULT_CONNECTIONS,
        finds_rate=options.rate is None and options.connections is None,
        duration_s=options.duration_s,
        rounds=options.rounds,
        seed=options.seed,
        placement=where,
    )


def chosen_arms(options: AbOptions) -> list[arms.Arm]:
    beside = Path(sys.executable).parent / SERVER
    program = (str(beside),) if beside.exists() else (sys.executable, "-m", "turbo_shard")
    try:
        return [
            architecture.serving(program, (options.app, *options.app_arguments))
            for architecture in arms.chosen(options.arms)
        ]
    except arms.UnknownArm as error:
        raise UsageError(f"--arms: {error}") from None


def warnings(where: Placement) -> list[str]:
    """Warnings that are clear before anything is measured."""
    lines = own_process.busy_warnings()
    quota = native_module().allowed_cores()["quota"]
    used = len({*where.server, *where.load})
    if quota is not None and quota < used:
        lines.append(
            f"this container may use {quota:g} CPUs' time and {used} cores were used: "
            "the kernel holds it up whenever that is spent"
        )
    return lines
