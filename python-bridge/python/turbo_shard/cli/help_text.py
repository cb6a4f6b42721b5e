"""What `turbo-shard --help` says: the commands, and every option of a server under its group's heading."""

from __future__ import annotations

from ..settings import OPTIONS, Kind, Option
from ..settings.option import by_group
from .command_line import HELP_ROW, help_lines
from .commands import COMMANDS

HELP = """\
usage: turbo-shard APP [options]
{usages}

Serves a Python web app on pinned shards, one per core.

APP is MODULE:ATTRIBUTE, such as app:app or shop.web:site.api; without ATTRIBUTE it is
app or application. An app whose module is named as a command is served as MODULE:ATTRIBUTE.

commands (each has a --help of its own):
{summaries}

{options}

An option that is not given is taken from its environment variable, if that is set."""


def help_text() -> str:
    width = max(map(len, COMMANDS))
    groups = {
        heading: [(option_words(option), explanation(option)) for option in options]
        for heading, options in by_group(OPTIONS).items()
    }
    groups["other options"] = [("--version", "print the version and stop"), HELP_ROW]
    return HELP.format(
        usages="\n".join(f"       turbo-shard {command.usage}" for command in COMMANDS.values()),
        summaries="\n".join(
            f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()
        ),
        options="\n\n".join(f"{heading}:\n{help_lines(rows)}" for heading, rows in groups.items()),
    )


def option_words(option: Option) -> str:
    """Every flag, and what its value is called."""
    flags = ", ".join((*option.positive_flags, *option.flags))
    if option.bare:
        return ", ".join((f"{flags}[={option.placeholder}]", *option.off_flags))
    return f"{flags} {option.placeholder}".rstrip()


def explanation(option: Option) -> str:
    """Its meaning, its default with the unit, its environment variable."""
    if option.kind is Kind.SWITCH:
        return f"{option.help} [{option.variable}]"
    return f"{option.help} (default: {option.default_in_words}) [{option.variable}]"
