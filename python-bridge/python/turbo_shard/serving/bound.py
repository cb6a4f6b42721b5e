"""A server with its sockets, and the privileges that were only needed for these given up. Knows no app."""

from __future__ import annotations

import os
from typing import Any

from ..settings import Settings
from . import service_manager
from .service_manager import Manager


class Bound:
    """Binds at once, so that what is wrong is said before anything starts."""

    def __init__(self, settings: Settings, native: Any) -> None:
        given = service_manager.take(os.environ)
        self.manager = Manager(given, native)
        settings = service_manager.with_sockets(settings, given.sockets)
        if settings.user is None and settings.group is None:
            self.server = native.NativeServer(settings, is_watched=self.manager.watchdog_s > 0)
            return
        # Imported only where it is asked for.
        from .privileges import Identity, LogFile, with_owned_sockets

        identity = Identity(settings)
        log = LogFile(settings, identity)
        settings = with_owned_sockets(settings, identity)
        log.give()
        self.server = native.NativeServer(settings, is_watched=self.manager.watchdog_s > 0)
        try:
            identity.take()
            log.check()
        except BaseException:
            self.server.close()
            raise

    def close(self) -> None:
        """Lets go of the sockets, if it has not served, and of the line to the service manager."""
        self.manager.close()
        self.server.close()
