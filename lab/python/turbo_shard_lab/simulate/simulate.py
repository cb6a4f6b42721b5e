"""`turbo-shard simulate`: predicts which architecture wins on how many cores; `--calibrate` measures what it needs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from turbo_shard.cli.command_line import UsageError, say

from ..command_text import command_line
from ..progress import Progress
from . import prediction_text
from .options import (
    CalibrateOptions,
    SimulateOptions,
    help_text,
    options_from,
    wants_help,
)
from .prediction import POLICIES, Cell, predict

SCHEMA = 1


def command(arguments: Sequence[str]) -> int:
    """Runs `turbo-shard simulate` and returns its exit status."""
    if wants_help(arguments):
        return say(help_text())
    options = options_from(arguments)
    if isinstance(options, CalibrateOptions):
        from . import calibrate

        return calibrate.command(options, arguments)
    cells = simulate(options)
    typed = command_line(["turbo-shard", "simulate", *arguments])
    if options.json_file is not None:
        text = json_text(options, cells, typed)
        if options.json_file == "-":
            return say(text)
        try:
            Path(options.json_file).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--json: {options.json_file}: {error.strerror}") from None
    return say(f"{heading(options)}\n\n{prediction_text.text_of(cells)}")


def simulate(options: SimulateOptions) -> list[Cell]:
    # Everything is one unit of progress: how long it takes is not known before.
    with Progress(1.0, quiet=options.quiet) as progress:
        progress.is_bar = progress.is_bar and not options.quiet

        def on_progress(share: float) -> None:
            progress.done_s = share
            if progress.is_bar:
                progress.begin("simulating", 0.0)

        try:
            return predict(
                options.question,
                policies=options.policies,
                cores=options.shards,
                loads=options.loads,
                seeds=range(options.seed, options.seed + options.rounds),
                on_progress=on_progress,
            )
        except ValueError as error:
            raise UsageError(str(error)) from None


def heading(options: SimulateOptions) -> str:
    """What was simulated, in a few lines."""
    question, calibration = options.question, options.calibration
    per = " per core" if question.are_per_core else ""
    machine = calibration.machine.get("cpu") or "an unknown CPU"
    given = [name for name, one in calibration.parameters.items() if one.source == "given"]
    changed = f", with {', '.join(given)} as given" if given else ""
    seeds = f"seeds {options.seed} to {options.seed + options.rounds - 1}"
    asked = (
        f"{question.work_us:.4g} µs of a core per request, {question.connections} connections{per}"
    )
    lines = [
        f"A prediction, not a measurement: {asked}, {seeds}.",
        f"Costs as calibrated on {machine}, {calibration.date}{changed}. Median (least–most) over the seeds.",
        *(f"  {policy}: {POLICIES[policy]}" for policy in options.policies),
        "max/mean: the busiest core's requests; idle+waiting: time in which a core sleeps while a request waits.",
    ]
    return "\n".join(lines)


def json_text(options: SimulateOptions, cells: list[Cell], typed: str) -> str:
    found = {
        "schema": SCHEMA,
        "command": typed,
        "question": asdict(options.question),
        "seeds": list(range(options.seed, options.seed + options.rounds)),
        "parameters": {name: asdict(one) for name, one in options.calibration.parameters.items()},
        "cells": [asdict(cell) | {"keeps_up": cell.keeps_up} for cell in cells],
        "verdicts": [
            {"load": load, "lines": prediction_text.verdict(group)}
            for load, group in prediction_text.by_load(cells)
        ],
    }
    return json.dumps(found, indent=1, ensure_ascii=False)
