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

    def take(self) -> None:
        """Becomes it, in all threads of the process. There is no way back."""
        is_same_user = self.user in (None, os.geteuid())
        if is_same_user and self.group in (None, os.getegid()):
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
