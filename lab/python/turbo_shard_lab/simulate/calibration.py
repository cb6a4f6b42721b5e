"""What things cost on a measured machine: the parameters of the simulation, each with its unit and origin.

`calibration.json` beside this file is used unless another file is named. Measures nothing.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..typed_json import TypedJsonError, from_json

SCHEMA = 1
DEFAULT_FILE = Path(__file__).with_name("calibration.json")


class CalibrationError(Exception):
    """A calibration that cannot be used; its text is one line."""


@dataclass(frozen=True)
class Parameter:
    """`source` is `measured`, `derived` from measured ones, `assumed`, or `given` by the user; `how` says by what."""

    value: float
    unit: str
    source: str
    how: str


@dataclass(frozen=True)
class Calibration:
    """`parameters` has the simulation's costs by name, `observed` what else was measured on the way."""

    date: str
    commit: str | None
    command: str
    machine: dict[str, Any]
    versions: dict[str, Any]
    parameters: dict[str, Parameter]
    observed: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    def costs(self) -> dict[str, float]:
        """As the simulation takes them."""
        names = [name for name in self.parameters if name not in NOT_COSTS]
        return {name: self.parameters[name].value for name in names}

    def with_values(self, values: dict[str, float]) -> Calibration:
        """The same with some values given by the user."""
        changed = dict(self.parameters)
        for name, value in values.items():
            if name not in changed:
                known = ", ".join(sorted(changed))
                raise CalibrationError(f"there is no parameter {name}; there are {known}")
            if not (math.isfinite(value) and value >= 0):
                raise CalibrationError(f"{name} is {value}; it must be a number from 0")
            changed[name] = Parameter(value, changed[name].unit, "given", "on the command line")
        return Calibration(**{**shallow(self), "parameters": changed})


# Measured with the others, and used only where a scenario asks for it.
NOT_COSTS = ("shared_object_us",)
# The simulation's input.
NEEDED = (
    *("request_us", "turn_us", "driver_event_us", "wake_us", "sleep_us", "round_trip_us"),
    *("resume_us", "steal_request_us", "notify_us", "steal_probe_us", "steal_us"),
    "scheduler_lock_us",
    *("line_transfer_us", "moved_task_lines", "shared_us", "process_service_factor"),
    *NOT_COSTS,
)


def shallow(calibration: Calibration) -> dict[str, Any]:
    return {name: getattr(calibration, name) for name in calibration.__dataclass_fields__}


def read(file: Path = DEFAULT_FILE) -> Calibration:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CalibrationError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise CalibrationError(f"{file} is not JSON") from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise CalibrationError(f"{file} is not a calibration of schema {SCHEMA}")
    try:
        calibration = from_json(Calibration, found)
        parameters = {
            name: from_json(Parameter, value, f"parameters.{name}")
            for name, value in calibration.parameters.items()
        }
    except TypedJsonError as error:
        raise CalibrationError(f"{file}: {error}") from None
    if parameters.keys() != set(NEEDED):
        odd = sorted(parameters.keys() ^ set(NEEDED))
        raise CalibrationError(f"{file}: {', '.join(odd)}: missing or not known")
    return Calibration(**{**shallow(calibration), "parameters": parameters})


def write(calibration: Calibration, file: Path) -> None:
    try:
        file.write_text(json.dumps(asdict(calibration), indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise CalibrationError(f"{file} cannot be written: {error.strerror}") from None
