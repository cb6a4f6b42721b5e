"""What a server is told, from the command line, the environment and the configuration file, by the table of settings.
Does not know the settings' use.

The command line comes first, then a setting's own variable, then the file, then a variable that other programs know too
(`PORT`), then the default.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from ..settings.option import Kind, Option
from ..settings.rules import settings_from
from ..settings.table import OPTIONS, Settings
from ..settings.values import read
from .command_line import Meaning, Split, UsageError, given_twice, split
from .config_file import NO_FILE, ConfigFile, config_file

CONFIG_FLAG = "--config"
ENV_FILE_FLAG = "--env-file"
# Options of every command that takes a server's, which are no settings: they say where settings are.
SOURCE_FLAGS = (CONFIG_FLAG, ENV_FILE_FLAG)

TEXT_FLAGS = [
    flag
    for option in OPTIONS
    if option.kind is not Kind.SWITCH and not option.bare
    for flag in option.flags
]
# Flags that may stand alone, and what they stand for then; nothing, for those that take the option back.
BARE_FLAGS = {flag: option.bare for option in OPTIONS if option.bare for flag in option.flags} | {
    flag: "" for option in OPTIONS for flag in option.off_flags
}
SWITCH_FLAGS = [
    flag
    for option in OPTIONS
    if option.kind is Kind.SWITCH
    for flag in (*option.flags, *option.positive_flags)
]
SEVERAL_FLAGS = [flag for option in OPTIONS if option.is_list for flag in option.flags]


class Told(NamedTuple):
    """All that was given for a server."""

    # The app as it was named, or nothing.
    app: str
    settings: Settings
    # Where each value is from that was given, by the setting's name, and the app's.
    origins: Mapping[str, str]


def split_for_server(arguments: Sequence[str], *, switches: Collection[str]) -> Split:
    """A command line with a server's options, or what other servers call them, and these `switches`."""
    all_switches = [*SWITCH_FLAGS, *switches]

    def foreign(argument: str, following: str | None) -> Meaning | None:
        # Imported only for a command line that has such an option.
        from .familiar.table import meaning

        return meaning(argument, following, switches=all_switches)

    return split(
        arguments,
        texts=[*TEXT_FLAGS, *SOURCE_FLAGS],
        switches=all_switches,
        bare=BARE_FLAGS,
        several=SEVERAL_FLAGS,
        foreign=foreign,
    )


def told(given: Split) -> Told:
    """Reads the files that are named, or lie here, and checks all values; the env-file's variables are set."""
    if len(given.rest) > 1:
        raise UsageError(one_too_many(given))
    file = config_file(given.texts.get(CONFIG_FLAG))
    added = set_variables(given.texts.get(ENV_FILE_FLAG) or file.text("env-file"))
    values, labels = chosen_values(given, os.environ, file)
    origins = {
        name: f"{label} of {added[label]}" if label in added else label
        for name, label in labels.items()
    }
    app = given.rest[0] if given.rest else file.text("app")
    if app:
        origins["app"] = "command line" if given.rest else file.label("app")
    return Told(app, settings_from(values, labels), origins)


def one_too_many(given: Split) -> str:
    alone = [flag for flag, text in given.given if text and text == BARE_FLAGS.get(flag)]
    hint = f"; a value of {alone[-1]} follows an equals sign" if alone else ""
    return f"{given.rest[1]!r} is one argument too many{hint}"


def set_variables(path: str) -> dict[str, str]:
    """Sets the variables of an env-file that are not set yet; returns their names, and the file's."""
    if not path:
        return {}
    from .env_file import read_env_file

    new = {name: text for name, text in read_env_file(path).items() if name not in os.environ}
    os.environ.update(new)
    return dict.fromkeys(new, path)


def chosen_values(
    given: Split, environment: Mapping[str, str], file: ConfigFile = NO_FILE
) -> tuple[dict[str, object], dict[str, str]]:
    """The values that were given, checked, and how each was given."""
    values: dict[str, object] = {}
    labels: dict[str, str] = {}
    distances: dict[str, int] = {}
    for option in OPTIONS:
        found = (
            from_command_line(option, given),
            from_variable(option, environment),
            from_file(option, file),
            from_common_variable(option, environment),
        )
        for distance, one in enumerate(found):
            if one is not None:
                values[option.name], labels[option.name] = one
                distances[option.name] = distance
                break
    for name in replaced(distances):
        del values[name], labels[name]
    return values, labels


def replaced(distances: Mapping[str, int]) -> Iterator[str]:
    """The settings that one which was given nearer to the command line replaces: `--port` that of a file's `bind`."""
    for other in {option.replaced_by for option in OPTIONS} & distances.keys():
        names = [one.name for one in OPTIONS if one.replaced_by == other and one.name in distances]
        nearest = min((distances[name] for name in names), default=distances[other])
        if nearest < distances[other]:
            yield other
        else:
            yield from (name for name in names if distances[name] > distances[other])


# A value and how it was given.
type Found = tuple[object, str] | None


def from_command_line(option: Option, given: Split) -> Found:
    positive = option.positive_flags
    if flags := [flag for flag in given.switches if flag in (*option.flags, *positive)]:
        label = given.written.get(flags[-1], flags[-1])
        return not option.negative or flags[-1] in positive, label
    texts = [one for one in given.given if one[0] in (*option.flags, *option.off_flags)]
    return from_flags(option, texts, given.written) if texts else None


def from_flags(
    option: Option, texts: Sequence[tuple[str, str]], written: Mapping[str, str]
) -> tuple[object, str]:
    """The value of an option that takes a text, from all of its flags, and how it was given."""
    flag, text = texts[-1]
    label = written.get(flag, flag)
    if option.is_list:
        return read_all(option, [(written.get(flag, flag), text) for flag, text in texts]), label
    if flag in option.off_flags:
        if text:
            raise UsageError(f"{label} takes no value")
        return option.default, label
    same = [text for name, text in texts if name not in option.off_flags]
    if len(same) > 1:
        raise UsageError(given_twice(option.flag, same[0], same[1]))
    return read_word(option, text, label), label


def read_all(option: Option, given: Iterable[tuple[str, str]]) -> tuple[object, ...]:
    """The values of an option that may be given several times."""
    return tuple(
        one for label, text in given for one in cast(tuple[object, ...], read(option, text, label))
    )


def from_variable(option: Option, environment: Mapping[str, str]) -> Found:
    text = environment.get(option.variable, "")
    if not text:
        return None
    if option.is_list:
        # One on each line.
        lines = filter(None, map(str.strip, text.splitlines()))
        return read_all(option, [(option.variable, line) for line in lines]), option.variable
    value = read(option, text, option.variable)
    return (not value) if option.negative else value, option.variable


def from_file(option: Option, file: ConfigFile) -> Found:
    return (file.value(option), file.label(option.key)) if option.key in file.table else None


def from_common_variable(option: Option, environment: Mapping[str, str]) -> Found:
    name = option.common_variable
    text = environment.get(name, "") if name else ""
    return (read(option, text, name), name) if text else None


def read_word(option: Option, text: str, label: str) -> object:
    """Reads a value, also a choice by another server's word for it."""
    if option.choices and text.strip() not in option.choices:
        from .familiar.table import word_of

        if meaning := word_of(option.flag, text.strip()):
            if meaning.answer:
                raise UsageError(meaning.answer)
            text = meaning.arguments[0].partition("=")[2]
    return read(option, text, label)
