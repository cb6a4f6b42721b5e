"""How the settings of a load read in a sentence. Of measured figures it knows only the rates."""

from __future__ import annotations

from typing import Any

from ..results import ScenarioResult
from .levels import has_several_rates, ran, shown_level
from .quantities import rate

# The words for settings of the load; {} is the value.
SETTINGS = {
    "loop": "{} loop",
    "connections": "{} connections",
    "seconds": "{} s",
    "warm_up_seconds": "{} s of warm-up before",
    "rate": "{} requests/s offered",
    "arrivals": "{} arrivals",
    "pipeline": "{} in flight on each connection",
    "idle_connections": "{} idle connections beside them",
    "shares_of_own_saturation": "at {} of what each arm serves at most",
    "shards": "{} shards",
    "beside": "and beside it all the time: {}",
    "slow_read_bytes_per_second": "read at {} bytes/s",
}
# Commands stand at the end, routes in a list of their own.
TOLD_ELSEWHERE = {"command", "routes", "saturation_per_second"}


def load_words(scenario: ScenarioResult) -> str:
    """The settings of the load, and the cores of server and generator."""
    words = [
        SETTINGS.get(name, f"{name.replace('_', ' ')} {{}}").format(value_words(value))
        for name, value in scenario.load.items()
        if name not in TOLD_ELSEWHERE and value is not None
    ]
    for name, cores in (("server", scenario.server_cores), ("load", scenario.load_cores)):
        numbers = ", ".join(map(str, cores))
        words.append(f"{name} on core{'s' * (len(cores) != 1)} {numbers or 'unknown'}")
    rates = {
        arm.label: shown_level(arm).offered for arm in ran(scenario) if has_several_rates(scenario)
    }
    if rates:
        told = ", ".join(f"{label} {rate(top)}/s" for label, top in rates.items() if top)
        words.append(f"highest rate with latencies: {told}")
    text = ", ".join(words)
    return text[:1].upper() + text[1:]


def value_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(
            f"{name.replace('_', ' ')}: {value_words(one)}" for name, one in value.items()
        )
    if isinstance(value, list | tuple):
        return ", ".join(map(value_words, value))
    return f"{value:,.10g}" if isinstance(value, float) else str(value)
