"""Service times as a command line names them, such as `bimodal:100us,20ms@1%`. Does not know what they are for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import median
from typing import Any

from ..results import ResultsError, from_text

FORMS = (
    "fixed:8us, exponential:8us, lognormal:8us or lognormal:8us,SIGMA, uniform:1ms..3ms, "
    "bimodal:100us,20ms@1%, file:FILE"
)
UNITS = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6}
LOGNORMAL_SIGMA = 1.0
SAMPLES_MAX = 100_000

type Distribution = dict[str, Any]


class ServiceTimeError(ValueError):
    """The given text is not a service time; the error's text is one line."""


def read_time_us(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s)", text.strip(), flags=re.ASCII)
    if match is None and "µ" in text:
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(µs)", text.strip())
    if match is None:
        raise ServiceTimeError(f"{text!r} is no time; write it as 8us, 1.5ms or 2s")
    return float(match[1]) * UNITS[match[2]]


def read_distribution(text: str, *, own_request_us: float) -> Distribution:
    """As the simulation takes it. Times measured on a server include `own_request_us`, which is taken off."""
    kind, colon, rest = text.partition(":")
    if not colon:
        kind, rest = "fixed", text
    if kind in ("fixed", "exponential"):
        return {"kind": kind, "us": read_time_us(rest)}
    if kind == "lognormal":
        mean, comma, sigma = rest.partition(",")
        return {"kind": kind, "us": read_time_us(mean), "sigma": read_sigma(sigma if comma else "")}
    if kind == "uniform":
        low, _, high = rest.partition("..")
        return {"kind": kind, "low_us": read_time_us(low), "high_us": read_time_us(high)}
    if kind == "bimodal":
        return read_bimodal(rest)
    if kind == "file":
        return read_file(Path(rest), own_request_us)
    raise ServiceTimeError(f"{text!r} is no service time; there are {FORMS}")


def read_sigma(text: str) -> float:
    if not text:
        return LOGNORMAL_SIGMA
    if re.fullmatch(r"\d+(\.\d+)?", text, flags=re.ASCII) is None:
        raise ServiceTimeError(f"{text!r} is no sigma of a lognormal; write a number such as 1.0")
    return float(text)


def read_bimodal(text: str) -> Distribution:
    match = re.fullmatch(r"([^,]+),([^@]+)@(\d+(?:\.\d+)?)%", text)
    if match is None:
        raise ServiceTimeError(f"{text!r} is not as in bimodal:100us,20ms@1%")
    share = float(match[3])
    if not 0 < share < 100:
        raise ServiceTimeError(f"{text!r}: the share of the longer time is between 0 and 100 %")
    times = [read_time_us(match[1]), read_time_us(match[2])]
    return {"kind": "mixture", "us": times, "weights": [100 - share, share]}


def read_file(file: Path, own_request_us: float) -> Distribution:
    """A file with {"service_us": [times]}, or results of the lab: the time of a request of its first shard arm."""
    try:
        text = file.read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as error:
        raise ServiceTimeError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise ServiceTimeError(f"{file} is not JSON") from None
    if isinstance(found, dict) and "service_us" in found:
        times = found["service_us"]
        if not isinstance(times, list) or not 0 < len(times) <= SAMPLES_MAX:
            raise ServiceTimeError(f"{file}: service_us is a list of 1 to {SAMPLES_MAX} times")
        if not all(type(one) in (int, float) and one >= 0 for one in times):
            raise ServiceTimeError(f"{file}: service_us has something that is no time in µs")
        return {"kind": "mixture", "us": times, "weights": [1.0] * len(times)}
    try:
        results = from_text(text)
    except ResultsError as error:
        raise ServiceTimeError(f"{file}: {error}") from None
    for scenario in results.scenarios:
        for arm in scenario.arms:
            if arm.key.startswith("shard") and arm.runs:
                took = median(run.cpu_us_per_request for run in arm.runs)
                return {"kind": "fixed", "us": max(0.0, took - own_request_us)}
    raise ServiceTimeError(f"{file} has no runs of an arm in shard mode")


def mean_us(distribution: Distribution) -> float:
    kind = distribution["kind"]
    if kind == "uniform":
        return float(distribution["low_us"] + distribution["high_us"]) / 2
    if kind == "mixture":
        pairs = zip(distribution["us"], distribution["weights"], strict=True)
        return float(sum(us * weight for us, weight in pairs) / sum(distribution["weights"]))
    return float(distribution["us"])
