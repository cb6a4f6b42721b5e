"""Places to listen, as `--bind` takes them: an address, and after commas what is said of it.

    127.0.0.1:8000   [::1]:8000   localhost:8000   one address
    :8000   *:8000                                every address, IPv4 and IPv6
    unix:/run/app.sock,mode=660,group=www-data    a Unix socket; unix:@name has no file
    fd://3   fd://NAME                            a socket that the process was started with

Opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

MODE = re.compile(r"0?o?[0-7]{3}")
EXAMPLES = "127.0.0.1:8000, [::1]:8000, :8000, unix:/run/app.sock or fd://3"


class Bind(str):
    """One place, as it was written, with its parts as attributes. ValueError says what is wrong with it."""

    kind: Literal["tcp", "every", "unix", "fd"]
    host: str
    port: int
    path: str
    # Of an inherited socket: its number, or its name among systemd's.
    fd: int
    name: str
    # Of a Unix socket; None leaves the mode to --unix-mode, and the owner as it is.
    mode: int | None
    owner: int | None
    group: int | None
    expects_proxy_protocol: bool

    def __new__(cls, text: str) -> Bind:
        self = super().__new__(cls, text)
        address, *options = text.split(",")
        self.kind, self.host, self.port, self.path, self.fd, self.name = "tcp", "", 0, "", -1, ""
        self.mode = self.owner = self.group = None
        self.expects_proxy_protocol = False
        if address.startswith("unix:"):
            self.kind, self.path = "unix", unix_path(address)
        elif address.startswith("fd:"):
            self.kind = "fd"
            self.fd, self.name = descriptor(address)
        else:
            self.host, self.port = host_and_port(address.removeprefix("tcp:").removeprefix("//"))
            self.kind = "tcp" if self.host else "every"
        for option in options:
            self.take(option)
        return self

    def __reduce__(self) -> tuple[type[Bind], tuple[str]]:
        return Bind, (str(self),)

    def take(self, option: str) -> None:
        """Takes in what stands after a comma."""
        word, equals, value = option.strip().partition("=")
        if word == "proxy" and not equals:
            self.expects_proxy_protocol = True
        elif word in ("mode", "owner", "group") and value:
            if self.kind != "unix" or self.path.startswith("@"):
                raise ValueError(f"{word} is for a Unix socket that has a file")
            match word:
                case "mode":
                    self.mode = file_mode(value)
                case "owner":
                    self.owner = user_number(value)
                case _:
                    self.group = group_number(value)
        else:
            raise ValueError(
                f"{option.strip()!r} is none of proxy, mode=660, owner=USER and group=GROUP"
            )


def read_bind(text: str) -> tuple[Bind, ...]:
    return (Bind(text),)


def read_binds(texts: object) -> tuple[Bind, ...]:
    """One text, or several. ValueError, with the text, for one that is no place to listen or stands there twice."""
    several = (texts,) if isinstance(texts, str) else texts
    if not isinstance(several, Iterable):
        raise ValueError(f"{texts!r} is not a place to listen, such as {EXAMPLES}")
    binds: list[Bind] = []
    for text in several:
        if not isinstance(text, str):
            raise ValueError(f"{text!r} is not a place to listen, such as {EXAMPLES}")
        try:
            bind = text if isinstance(text, Bind) else Bind(text)
        except ValueError as error:
            raise ValueError(f"{text!r}: {error}") from None
        if any(is_same_place(bind, other) for other in binds):
            raise ValueError(f"{text!r} stands there twice")
        binds.append(bind)
    return tuple(binds)


def is_same_place(bind: Bind, other: Bind) -> bool:
    if bind.kind in ("tcp", "every") and bind.port == 0:
        return False
    return place(bind) == place(other)


def place(bind: Bind) -> tuple[object, ...]:
    return bind.kind, bind.host, bind.port, bind.path, bind.fd, bind.name


def host_and_port(address: str) -> tuple[str, int]:
    """The host is empty for every address."""
    match = re.fullmatch(r"(?P<host>\[[^\[\]]+\]|[^\[\]:/]*):(?P<port>\d{1,5})", address, re.ASCII)
    if match is None or int(match["port"]) > 65_535:
        raise ValueError(no_address(address))
    host = match["host"]
    return ("" if host == "*" else host), int(match["port"])


def no_address(address: str) -> str:
    if re.fullmatch(r"\d{1,5}", address, re.ASCII):
        return f"write :{address} for every address of this machine, or 127.0.0.1:{address}"
    if address.startswith("/"):
        return f"write unix:{address} for a Unix socket"
    if re.fullmatch(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:\d{1,5}", address, re.ASCII):
        host, _, port = address.rpartition(":")
        return f"an IPv6 address stands in brackets: [{host}]:{port}"
    if re.fullmatch(r"\[[^\[\]]+\]|[^\[\]:/]+", address):
        return f"the port is missing, as in {address}:8000"
    return f"it is not a place to listen, such as {EXAMPLES}"


def unix_path(address: str) -> str:
    """`unix:/path`, `unix:path` and `unix:///path`."""
    path = address.removeprefix("unix:")
    if path.startswith("//"):
        path = path.removeprefix("//")
    if not path or path == "@" or "\0" in path:
        raise ValueError("the path is missing, as in unix:/run/app.sock")
    return path


def descriptor(address: str) -> tuple[int, str]:
    """`fd://3` and `fd:3`; a name is one of systemd's."""
    word = address.removeprefix("fd:").removeprefix("//")
    if re.fullmatch(r"\d{1,7}", word, re.ASCII):
        return int(word), ""
    if not word:
        raise ValueError("the descriptor is missing, as in fd://3")
    return -1, word


def file_mode(text: str) -> int:
    """`660`, `0660` and `0o660`."""
    if MODE.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a file's mode, such as 660")
    return int(text[-3:], 8)


def user_number(name: str) -> int:
    """A name's, or the number itself."""
    if name.isascii() and name.isdigit():
        return int(name)
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ValueError(f"there is no user {name!r} on this machine") from None


def group_number(name: str) -> int:
    if name.isascii() and name.isdigit():
        return int(name)
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ValueError(f"there is no group {name!r} on this machine") from None
