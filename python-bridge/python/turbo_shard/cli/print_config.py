"""`turbo-shard --print-config`: every setting with its value, and where that is from."""

from __future__ import annotations

from ..settings.option import Kind, Option
from ..settings.table import OPTIONS
from .given_options import Told

DEFAULT = "default"


def config_text(told: Told) -> str:
    """A line for each: its key in a configuration file, its value, its origin."""
    rows = [("app", told.app or "none", told.origins.get("app", DEFAULT))]
    for option in OPTIONS:
        value = getattr(told.settings, option.name)
        origin = told.origins.get(option.name, DEFAULT)
        rows.append((option.key, shown(option, value, is_default=origin == DEFAULT), origin))
    keys, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{key:<{keys}}  {value:<{values}}  {origin}" for key, value, origin in rows)


def shown(option: Option, value: object, *, is_default: bool) -> str:
    if option.kind is Kind.SWITCH:
        return "true" if value else "false"
    return option.default_in_words if is_default else option.in_words(value)
