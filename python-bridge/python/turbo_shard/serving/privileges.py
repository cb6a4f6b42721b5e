"""Gives up the privileges with which a server has bound its sockets (`--user`, `--group`). Knows no sockets."""

from __future__ import annotations

import os
import pwd

from ..settings import Settings, SettingsError
from ..settings.binds import group_number, user_number


class Identity:
    """The user and group that a server becomes, with the user's other groups. SettingsError if there are none."""

    def __init__(self, settings: Settings) -> None:
        self.user = number_of("user", settings.user)
        self.group = number_of("group", settings.group)
        self.name = ""
        if self.user is not None:
            try:
                entry = pwd.getpwuid(self.user)
            except KeyError:
                # A number without a name has no other groups.
                pass
            else:
                self.name = entry.pw_name
                self.group = entry.pw_gid if self.group is None else self.group

    @property
    def is_ours(self) -> bool:
        """Whether nothing changes."""
        return self.user in (None, os.geteuid()) and self.group in (None, os.getegid())

    def take(self) -> None:
        """Becomes it, in all threads of the process. There is no way back."""
        if self.is_ours:
            return
        try:
            # The groups first: a user without privileges may not choose them.
            if self.name and self.group is not None:
                os.initgroups(self.name, self.group)
            else:
                os.setgroups([] if self.group is None else [self.group])
            if self.group is not None:
                os.setresgid(self.group, self.group, self.group)
            if self.user is not None:
                os.setresuid(self.user, self.user, self.user)
        except PermissionError:
            raise SettingsError(
                "user, group: only root may become another user (or a process with CAP_SETUID and CAP_SETGID)"
            ) from None
        if not os.access(os.__file__, os.R_OK):
            raise SettingsError(
                f"user: {self.name or self.user} may not read this Python ({os.__file__}); "
                "install it where that user reads it"
            )


class LogFile:
    """The file of the access log, which the server opens before it becomes the identity.

    Each time that the file is moved away, it is opened again as that.
    """

    def __init__(self, settings: Settings, identity: Identity) -> None:
        log = settings.access_log
        self.path = log if isinstance(log, str) and log != "-" else None
        self.identity = identity
        self.is_ours = identity.is_ours

    def give(self) -> None:
        """Makes the file, as the identity's, unless there is one.

        One that exists is never given away: its name may be a link that a user of its directory has put there.
        """
        if self.path is None or self.is_ours:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            file = os.open(self.path, flags, 0o666)
        except OSError:
            # It exists, or cannot be made: then the server says so, which opens it next.
            return
        try:
            owner, group = self.identity.user, self.identity.group
            os.fchown(file, -1 if owner is None else owner, -1 if group is None else group)
        except PermissionError:
            # Who may not give a file away may not become another user either, which is said then.
            pass
        finally:
            os.close(file)

    def check(self) -> None:
        """For the identity, once it is taken."""
        if self.path is None or self.is_ours or os.access(self.path, os.W_OK):
            return
        # A pipe or a terminal is as it was given.
        if not os.path.isfile(self.path):
            return
        name = self.identity.name or self.identity.user or f"group {self.identity.group}"
        raise SettingsError(
            f"access_log: {name} may not write {self.path}, and has to when it is opened again (SIGUSR1); "
            "give the file to that user"
        )


def number_of(what: str, name: str | None) -> int | None:
    if name is None:
        return None
    try:
        return user_number(name) if what == "user" else group_number(name)
    except ValueError as error:
        raise SettingsError(f"{what}: {error}") from None


def with_owned_sockets(settings: Settings, identity: Identity) -> Settings:
    """Unix sockets are made by root, and are its user's from the start, unless their binds say otherwise."""
    from ..settings.binds import read_binds

    binds = read_binds(settings.bind)
    for bind in binds:
        if bind.kind == "unix" and not bind.path.startswith("@"):
            bind.owner = identity.user if bind.owner is None else bind.owner
            bind.group = identity.group if bind.group is None else bind.group
    return settings.replaced(bind=binds)
