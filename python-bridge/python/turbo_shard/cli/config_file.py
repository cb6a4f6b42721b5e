"""Finds and reads the configuration file: `turbo-shard.toml`, or the table `[tool.turbo-shard]` of a pyproject.toml.

Its keys are the settings' own (`keep-alive-timeout = 5`), and two of the command: `app` and `env-file`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..settings.option import Kind, Option
from ..settings.table import OPTIONS
from ..settings.values import SettingsError, check, read
from .command_line import nearest_to
from .env_file import why

OWN_NAME = "turbo-shard.toml"
PROJECT_NAME = "pyproject.toml"
TABLE = "tool.turbo-shard"
# What a file may have beside the settings.
COMMAND_KEYS = ("app", "env-file")
# Kinds whose values are numbers and truths in the file too; all others may be a text, as on a command line.
AS_THEY_ARE = (Kind.WHOLE, Kind.SECONDS, Kind.SWITCH)


class ConfigFile(NamedTuple):
    """What a file says, by key; `place` is how it and its table are named in messages."""

    place: str
    table: Mapping[str, Any]

    def label(self, key: str) -> str:
        return f"{self.place}{key}"

    def text(self, key: str) -> str:
        """The value of a key of the command."""
        value = self.table.get(key, "")
        if not isinstance(value, str) or (not value and key in self.table):
            raise SettingsError(f"{self.label(key)}: {value!r} is not a text")
        return value

    def value(self, option: Option) -> object:
        """The value of a setting that the file has, checked."""
        value, label = self.table[option.key], self.label(option.key)
        if isinstance(value, bool) and option.bare:
            # As its flag stands alone, or as --no-NAME.
            return read(option, option.bare, label) if value else option.default
        if isinstance(value, str) and option.kind not in AS_THEY_ARE:
            return read(option, value, label)
        return check(option, value, label)


NO_FILE = ConfigFile("", {})


def config_file(path: str | None) -> ConfigFile:
    """The file at `path`, or the one in the current directory, if there is one."""
    if path is not None:
        return read_file(path, must_have_table=True)
    own = read_file(OWN_NAME) if os.path.exists(OWN_NAME) else NO_FILE
    project = read_file(PROJECT_NAME) if os.path.exists(PROJECT_NAME) else NO_FILE
    if own.place and project.place:
        raise SettingsError(
            f"both {OWN_NAME} and [{TABLE}] of {PROJECT_NAME} are here; keep one, or name it with --config"
        )
    return own if own.place else project


def read_file(path: str, *, must_have_table: bool = False) -> ConfigFile:
    is_project = os.path.basename(path) == PROJECT_NAME
    if path.endswith(".py"):
        raise SettingsError(
            f"--config: {path} is Python; turbo-shard reads TOML (docs/from-gunicorn.md has the settings' names)"
        )
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {why(error)}") from None
    if is_project and TABLE not in text and not must_have_table:
        # Most projects' files are of no concern here, and a reader of TOML takes its time.
        return NO_FILE
    from tomllib import TOMLDecodeError, loads

    try:
        whole = loads(text)
    except TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None
    if not is_project:
        return checked(ConfigFile(f"{path}: ", whole))
    table = whole.get("tool", {}).get("turbo-shard")
    if table is None:
        if must_have_table:
            raise SettingsError(f"--config: {path} has no table [{TABLE}]")
        return NO_FILE
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: {TABLE} is not a table")
    return checked(ConfigFile(f"{path}: {TABLE}.", table))


def checked(file: ConfigFile) -> ConfigFile:
    known = [*COMMAND_KEYS, *(option.key for option in OPTIONS)]
    for key in file.table:
        if key not in known:
            raise SettingsError(f"{file.label(key)}: there is no such setting{hint(key, known)}")
    for option in OPTIONS:
        # Also where the command line or a variable hides it today.
        if option.key in file.table:
            file.value(option)
    return file


def hint(key: str, known: list[str]) -> str:
    """What may have been meant by a key: a slip, a switch's flag, another server's name for it."""
    if near := nearest_to(key, known):
        return f"; did you mean {near}?"
    if (positive := key.removeprefix("no-")) in known:
        return f"; write {positive} = false"
    from .familiar.row import Ours
    from .familiar.table import FATES

    match FATES.get(f"--{key}"):
        case Ours(flag=flag) if flag.removeprefix("--") in known:
            return f"; here that is {flag.removeprefix('--')}"
        case _:
            return "; `turbo-shard --help-all` lists them"
