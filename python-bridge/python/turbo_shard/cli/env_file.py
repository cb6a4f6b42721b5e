"""Reads a file of environment variables (`--env-file`): a strict part of what such files may have elsewhere.

    # a comment
    DATABASE_URL=postgres://localhost/shop    # ends where a space and a sign begin a comment
    export GREETING="two\\nlines, a \\"quoted\\" word"
    PRICE='$5: nothing is replaced in single quotes'

What other readers take in different ways is refused in one line: values over several lines, values that begin with #,
and ${NAME} outside of single quotes, which some replace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..settings.values import SettingsError

LINE = re.compile(
    r"""(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*
    (?:'(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<plain>[^'"\s](?:.*?\S)??)?)
    (?:\s+\#.*|\s*)""",
    re.VERBOSE,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$"}


def read_env_file(path: str) -> dict[str, str]:
    """The variables of a file; SettingsError, in one line with the place, for one that cannot be read."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--env-file: {path} cannot be read: {why(error)}") from None
    return dict(variables(text, path))


def variables(text: str, path: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line and not line.startswith("#"):
            try:
                yield variable(line)
            except ValueError as error:
                raise SettingsError(f"{path}:{number}: {error}") from None


def variable(line: str) -> tuple[str, str]:
    match = LINE.fullmatch(line)
    if match is None:
        raise ValueError("this is not NAME=VALUE, on one line, its quotes closed")
    name, single, double = match["name"], match["single"], match["double"]
    value = match["plain"] or ""
    if single is not None:
        return name, single
    if value.startswith("#"):
        raise ValueError(
            f"a value that begins with # wants quotes; or leave the value of {name} empty"
        )
    if "${" in (value if double is None else double.replace("\\$", "")):
        raise ValueError(
            f"${{...}} is not replaced here; single quotes take {name}'s value as it is"
        )
    if "\0" in value:
        raise ValueError(f"the value of {name} has a NUL")
    return name, value if double is None else re.sub(r"\\(.)", escaped, double)


def escaped(match: re.Match[str]) -> str:
    if match[1] not in ESCAPES:
        raise ValueError(f"\\{match[1]} means nothing here; write \\\\ for a backslash")
    return ESCAPES[match[1]]


def why(error: OSError | UnicodeDecodeError) -> str:
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
