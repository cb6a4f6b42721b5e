"""What `turbo-shard --help` and `--help-all` say: the commands, and a server's options under their groups' headings."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..settings import OPTIONS, Kind, Option
from ..settings.option import by_group
from .command_line import Row, help_lines
from .commands import COMMANDS

HELP = """\
usage: turbo-shard APP [options]
       turbo-shard COMMAND [options]

Serves a Python web app on pinned shards, one per core.

APP is MODULE:ATTRIBUTE, such as app:app or shop.web:site.api; without ATTRIBUTE it is
app or application. An app whose module is named as a command is served as MODULE:ATTRIBUTE.

commands (each has a --help of its own):
{summaries}

{options}

{sources}"""
SOURCES = """\
An option that is not given is taken from its variable (TURBO_SHARD_PORT), or from turbo-shard.toml
or [tool.turbo-shard] of pyproject.toml, where its key is its name without dashes before it."""
MORE = """\
These are the options of every day; --help-all lists all. Options of uvicorn, granian, gunicorn and
hypercorn are understood, or answered."""
COMMAND_ROWS: tuple[Row, ...] = (
    ("--config FILE", "configuration file to read in place of turbo-shard.toml"),
    ("--env-file FILE", "file of environment variables to set, except those that are set"),
    ("--check", "load the app as a server would, say whether it can be served, and stop"),
    ("--print-config", "print every setting with where its value is from, and stop"),
    ("--version", "print the version and stop"),
    ("-h, --help", "print the options of every day and stop"),
    ("--help-all", "print all options and stop"),
)


def help_text(*, is_all: bool) -> str:
    width = max(map(len, COMMANDS))
    groups = {
        heading: rows(options, is_all=is_all) for heading, options in by_group(OPTIONS).items()
    }
    groups["other options"] = list(COMMAND_ROWS)
    return HELP.format(
        summaries="\n".join(
            f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()
        ),
        options="\n\n".join(
            f"{heading}:\n{help_lines(rows)}" for heading, rows in groups.items() if rows
        ),
        sources=SOURCES if is_all else f"{SOURCES}\n{MORE}",
    )


def rows(options: Iterable[Option], *, is_all: bool) -> list[Row]:
    if is_all:
        return [(option_words(option), explanation(option)) for option in options]
    return [(flag_words(option), in_short(option)) for option in options if option.daily]


def option_words(option: Option) -> str:
    """Every flag, and what its value is called."""
    flags = ", ".join((*option.positive_flags, *option.flags))
    if option.bare:
        return ", ".join((f"{flags}[={option.placeholder}]", *option.off_flags))
    return f"{flags} {option.placeholder}".rstrip()


def flag_words(option: Option) -> str:
    """Its first flag alone, and what its value is called."""
    value = option.placeholder
    return f"{option.flag}[={value}]" if option.bare else f"{option.flag} {value}".rstrip()


def in_short(option: Option) -> str:
    """Its meaning without the details, and its default, if that is something."""
    meaning = re.split(r"[;:] ", option.help, maxsplit=1)[0]
    default = option.default_in_words
    is_said = option.kind is not Kind.SWITCH and default != "none"
    return f"{meaning} ({default})" if is_said else meaning


def explanation(option: Option) -> str:
    """Its meaning, its default with the unit, its environment variables."""
    variables = " ".join(f"[{name}]" for name in (option.variable, option.common_variable) if name)
    if option.kind is Kind.SWITCH:
        return f"{option.help} {variables}"
    return f"{option.help} (default: {option.default_in_words}) {variables}"
