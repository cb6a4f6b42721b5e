"""Directories whose files the server answers: how one is written, and what is wrong with it. Knows no setting."""

from __future__ import annotations

import os
import re

EXPECTED = "PREFIX=DIR with options behind it, such as /static=public,max-age=3600"
PREFIX = re.compile(r"/[^?#%\\\s]*")
# A year, which is what caches take for ever.
AGE_S_MAX = 31_536_000
IMMUTABLE = f"public, max-age={AGE_S_MAX}, immutable"
OPTIONS = ("spa", "pass", "immutable", "max-age=SECONDS", "hidden", "follow")


class Mount(str):
    """`/static=public,max-age=3600` and what it means. The native server reads the attributes."""

    prefix: str
    directory: str
    single_page: bool
    passes: bool
    cache_control: str
    hidden: bool
    follow: bool

    def __new__(cls, text: str) -> Mount:
        """What cannot be one is a ValueError, whose text is for a person."""
        if isinstance(text, cls):
            return text
        prefix, equals, rest = text.partition("=")
        directory, *options = rest.split(",")
        if not equals or not PREFIX.fullmatch(prefix) or not directory or "\0" in text:
            raise ValueError(f"{text!r} is not {EXPECTED}")
        mount = super().__new__(cls, text)
        mount.prefix = checked_prefix(prefix)
        mount.directory = directory
        mount.cache_control = cache_control_of(options)
        words = [option for option in options if option != "immutable" and "=" not in option]
        for word in words:
            if word not in OPTIONS:
                raise unknown(word)
        mount.single_page = "spa" in words
        mount.passes = "pass" in words
        mount.hidden = "hidden" in words
        mount.follow = "follow" in words
        return mount

    def check_directory(self) -> None:
        """Raises ValueError if there is no such directory, or it cannot be read."""
        if not os.path.isdir(self.directory):
            raise ValueError(f"there is no directory {self.directory!r}")
        if not os.access(self.directory, os.R_OK | os.X_OK):
            raise ValueError(f"the directory {self.directory!r} cannot be read")


def checked_prefix(prefix: str) -> str:
    """Without the slash at its end; empty for all paths."""
    prefix = prefix.removesuffix("/")
    if any(segment in ("", ".", "..") for segment in prefix.split("/")[1:]):
        raise ValueError(f"{prefix + '/'!r} has a segment that no path keeps")
    return prefix


def cache_control_of(options: list[str]) -> str:
    ages = [option for option in options if option == "immutable" or option.startswith("max-age=")]
    if others := [option for option in options if "=" in option and option not in ages]:
        raise unknown(others[0])
    if len(ages) > 1:
        raise ValueError(f"{ages[0]} and {ages[1]} contradict each other; choose one")
    if not ages:
        return ""
    if ages == ["immutable"]:
        return IMMUTABLE
    text = ages[0].removeprefix("max-age=")
    if not re.fullmatch(r"[0-9]{1,8}", text) or int(text) > AGE_S_MAX:
        raise ValueError(f"{ages[0]} is not a number of seconds (0 to {AGE_S_MAX})")
    return f"public, max-age={int(text)}"


def unknown(option: str) -> ValueError:
    return ValueError(f"{option!r} is not an option of a directory; there are {', '.join(OPTIONS)}")


def checked_mounts(texts: tuple[str, ...]) -> tuple[Mount, ...]:
    mounts = tuple(map(Mount, texts))
    prefixes: dict[str, Mount] = {}
    for mount in mounts:
        if other := prefixes.get(mount.prefix):
            raise ValueError(f"{str(other)!r} and {str(mount)!r} have the same prefix")
        prefixes[mount.prefix] = mount
        mount.check_directory()
    return mounts
