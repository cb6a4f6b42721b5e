"""`turbo-shard completion SHELL`: prints what bash, zsh or fish needs to complete the command line.

All of it comes from the table of settings, the list of commands and the rows of their help.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from ..settings import OPTIONS, Kind, Option
from .command_line import HELP_FLAGS, HELP_ROW, Row, UsageError, help_lines, say, split
from .commands import COMMANDS, rows_of
from .given_options import SOURCE_FLAGS
from .help_text import COMMAND_ROWS

HELP = """\
usage: turbo-shard completion bash|zsh|fish

Prints what the shell needs to complete the commands and options of turbo-shard. To have it
in every shell, add a line to the shell's own file:

  ~/.bashrc                   source <(turbo-shard completion bash)
  ~/.zshrc, after compinit    source <(turbo-shard completion zsh)
  ~/.config/fish/config.fish  turbo-shard completion fish | source

options:
{options}"""
ROWS = (HELP_ROW,)


class Flag(NamedTuple):
    """One option as a shell completes it."""

    names: tuple[str, ...]
    help: str
    # What its value is called; empty for a switch.
    value: str
    choices: tuple[str, ...] = ()
    is_file: bool = False


class Place(NamedTuple):
    """What may be written after the program's name, or after a command's."""

    # Empty for the program's.
    command: str
    flags: tuple[Flag, ...]
    # What may be written in the place of an app, with its meaning.
    words: tuple[Row, ...] = ()


def command(arguments: Sequence[str]) -> int:
    """Runs `turbo-shard completion` and returns its exit status."""
    given = split(arguments, texts=(), switches=HELP_FLAGS)
    if given.switches:
        return say(HELP.format(options=help_lines(ROWS)))
    if len(given.rest) != 1 or given.rest[0] not in SHELLS:
        raise UsageError(f"for which shell? One of {', '.join(SHELLS)}")
    return say(SHELLS[given.rest[0]](list(places())))


# What there is to complete.


def places() -> Iterator[Place]:
    server = tuple(flag for option in OPTIONS for flag in flags_of(option))
    own = map(flag_of_row, COMMAND_ROWS)
    sources = tuple(flag_of_row(row) for row in COMMAND_ROWS if row[0].startswith(SOURCE_FLAGS))
    yield Place("", (*server, *own), tuple((name, one.summary) for name, one in COMMANDS.items()))
    for name, one in COMMANDS.items():
        # A command whose distribution is not installed has no options to offer.
        with suppress(UsageError):
            flags = tuple(map(flag_of_row, rows_of(name)))
            shells = tuple((shell, "") for shell in SHELLS) if name == "completion" else ()
            yield Place(
                name, (*flags, *sources, *server) if one.has_options_of_a_server else flags, shells
            )


def flags_of(option: Option) -> Iterator[Flag]:
    is_file = option.kind in (Kind.FILE_PATH, Kind.FILE_PATHS, Kind.DIRECTORY)
    value = "" if option.bare else option.placeholder
    yield Flag(option.flags, option.help, value, option.choices, is_file)
    if option.off_flags:
        yield Flag(option.off_flags, f"take back {option.flag}", "")
    if option.positive_flags:
        yield Flag(option.positive_flags, f"take back {option.flag}", "")


def flag_of_row(row: Row) -> Flag:
    """`-h, --help` are two names of a switch; `--json FILE` takes a value."""
    words, help = row
    parts = words.replace(",", "").split(" ", words.count(", -") + 1)
    names = tuple(part for part in parts if part.startswith("-"))
    value = "".join(part for part in parts if not part.startswith("-"))
    return Flag(names, help, value, is_file=value in ("FILE", "DIR"))


def described(flag: Flag) -> str:
    """Shells have one line for it."""
    return flag.help.partition(";")[0]


# bash knows words alone.

BASH = """\
_turbo_shard() {{
    local place= word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    # bash takes the sign in --flag=value for a word of its own.
    if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    if ((COMP_CWORD > 1)); then
        case ${{COMP_WORDS[1]}} in {commands}) place=${{COMP_WORDS[1]}} ;; esac
    fi
    local words= flags=
    case "$place $before" in
{values}
    esac
    case $place in
{places}
    esac
    if [[ $word == -* ]]; then words=$flags; fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -F _turbo_shard turbo-shard"""


def bash(places: Sequence[Place]) -> str:
    values = [
        f"        {'|'.join(f'"{place.command} {name}"' for name in flag.names)}) {bash_value(flag)} ;;"
        for place in places
        for flag in place.flags
        if flag.value
    ]
    cases = [
        f"        {place.command or "''"}) words='{' '.join(name for name, _ in place.words)}' "
        f"flags='{' '.join(name for flag in place.flags for name in flag.names)}' ;;"
        for place in places
    ]
    commands = "|".join(place.command for place in places if place.command)
    return BASH.format(commands=commands, values="\n".join(values), places="\n".join(cases))


def bash_value(flag: Flag) -> str:
    if flag.choices:
        return f"COMPREPLY=($(compgen -W '{' '.join(flag.choices)}' -- \"$word\")); return"
    if flag.is_file:
        return 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return'
    return "return"


# zsh shows what each word means.

ZSH = """\
#compdef turbo-shard
_turbo_shard() {{
    local place=
    if ((CURRENT > 2)); then
        case $words[2] in ({commands}) place=$words[2]; shift words; ((CURRENT--)) ;; esac
    fi
    local -a found
    case $place in
{places}
    esac
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _turbo_shard "$@"; else compdef _turbo_shard turbo-shard; fi"""


def zsh(places: Sequence[Place]) -> str:
    commands = "|".join(place.command for place in places if place.command)
    return ZSH.format(commands=commands, places="\n".join(map(zsh_place, places)))


def zsh_place(place: Place) -> str:
    words = (quoted(f"{name}:{meaning}" if meaning else name) for name, meaning in place.words)
    return "\n".join(
        [
            f"        ({place.command or "''"})",
            f"            found=({' '.join(words)})",
            r"            _arguments -S \ ".rstrip(),
            *(rf"                {zsh_flag(flag)} \ ".rstrip() for flag in place.flags),
            "                '1: :{_describe word found}' ;;",
        ]
    )


def zsh_flag(flag: Flag) -> str:
    meaning = "[" + re.sub(r"([\[\]\\])", r"\\\1", described(flag)) + "]"
    value = ""
    if flag.value:
        action = (
            f"({' '.join(flag.choices)})" if flag.choices else "_files" if flag.is_file else " "
        )
        value = f":{'value' if flag.choices else flag.value}:{action}"
    return " ".join(
        quoted(f"*{name}{'=' * (bool(value) and name.startswith('--'))}{meaning}{value}")
        for name in flag.names
    )


# fish completes one flag at a time.


def fish(places: Sequence[Place]) -> str:
    commands = " ".join(place.command for place in places if place.command)
    lines = ["complete -c turbo-shard -f"]
    for place in places:
        where = f"__fish_seen_subcommand_from {place.command or commands}"
        condition = quoted(where if place.command else f"not {where}")
        for name, meaning in place.words:
            about = f" -d {quoted(meaning)}" if meaning else ""
            lines.append(f"complete -c turbo-shard -n {condition} -a {name}{about}")
        for flag in place.flags:
            lines.append(f"complete -c turbo-shard -n {condition} {fish_flag(flag)}")
    return "\n".join(lines)


def fish_flag(flag: Flag) -> str:
    parts = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in flag.names]
    if flag.choices:
        parts.append(f"-x -a {quoted(' '.join(flag.choices))}")
    elif flag.value:
        parts.append("-r -F" if flag.is_file else "-x")
    return f"{' '.join(parts)} -d {quoted(described(flag))}"


def quoted(text: str) -> str:
    """As one word of any of these shells."""
    return "'" + text.replace("'", "'\\''") + "'"


SHELLS: dict[str, Callable[[Sequence[Place]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
