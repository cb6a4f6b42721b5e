"""What a service manager such as systemd gives a server, and what it is told: sockets (sd_listen_fds(3)), readiness,
the begin of a stop, and signs of life (sd_notify(3)). Knows no app.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

from ..settings import OPTION_BY_NAME, Settings, SettingsError
from ..settings.binds import Bind, read_binds
from . import banner

# The first descriptor after the standard streams; the others follow it.
FIRST_FD = 3
# A sign of life comes this often in the time that the manager waits for one.
SIGNS_PER_WAIT = 2


DEFAULT_PLACE = (OPTION_BY_NAME["host"].default, OPTION_BY_NAME["port"].default)


class Given(NamedTuple):
    """What the environment says that a manager has given to this process."""

    # The names of the sockets from FIRST_FD on.
    sockets: tuple[str, ...] = ()
    # Where to tell news, or nothing.
    address: str = ""
    # How long the manager waits for a sign of life; 0 if it waits for none.
    watchdog_s: float = 0.0


def take(environment: MutableMapping[str, str]) -> Given:
    """Reads what is given, and removes it: it is not for programs that the app starts."""
    given = read(environment)
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environment.pop(name, None)
    for name in ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"):
        environment.pop(name, None)
    return given


def read(environment: Mapping[str, str]) -> Given:
    sockets: tuple[str, ...] = ()
    if environment.get("LISTEN_PID") == str(os.getpid()):
        count = number(environment.get("LISTEN_FDS", ""))
        names = environment.get("LISTEN_FDNAMES", "").split(":")
        sockets = tuple((names + [""] * count)[:count])
    watchdog_s = 0.0
    if environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
        watchdog_s = number(environment.get("WATCHDOG_USEC", "")) / 1e6
    return Given(sockets, environment.get("NOTIFY_SOCKET", ""), watchdog_s)


def number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def keep_for_next(environment: Mapping[str, str]) -> None:
    """Leaves the given sockets to the program that this process becomes."""
    for place, _ in enumerate(read(environment).sockets):
        os.set_inheritable(FIRST_FD + place, True)


def with_sockets(settings: Settings, names: Sequence[str]) -> Settings:
    """Settings with which the server listens on the given sockets too; instead of the default address, if no other was
    chosen. A bind of `fd://NAME` says more of the sockets with that name."""
    binds: list[Bind] = list(read_binds(settings.bind))
    is_default = (settings.host, settings.port) == DEFAULT_PLACE
    if names and not binds and not is_default:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        binds.append(Bind(f"{host}:{settings.port}"))
    chosen: list[Bind] = []
    places = {FIRST_FD + place: name for place, name in enumerate(names)}
    for bind in binds:
        if bind.kind != "fd" or not bind.name:
            places.pop(bind.fd, None)
            chosen.append(bind)
            continue
        same = [fd for fd, name in places.items() if name == bind.name]
        if not same:
            raise SettingsError(f"bind {str(bind)!r}: systemd has given no socket of that name")
        options = str(bind).partition(",")[2]
        for fd in same:
            del places[fd]
            chosen.append(Bind(f"fd://{fd}" + (f",{options}" if options else "")))
    chosen.extend(Bind(f"fd://{fd}") for fd in places)
    return settings.replaced(bind=tuple(chosen))


class Manager:
    """The line to the manager, where there is one."""

    def __init__(self, given: Given, native: Any) -> None:
        self.tell: Callable[[str], bool] = native.tell_service_manager
        self.is_there = bool(given.address)
        self.watchdog_s = given.watchdog_s if self.is_there else 0.0
        self.is_over = threading.Event()
        native.connect_service_manager(given.address)

    def ready(self, report: Mapping[str, Any], late: Callable[[float], Sequence[object]]) -> None:
        """The server serves. `late` names the shards that have not turned within so many seconds."""
        self.tell_ready(report)
        if self.watchdog_s:
            threading.Thread(
                target=self.show_life, args=(late,), name="watchdog", daemon=True
            ).start()

    def tell_ready(self, report: Mapping[str, Any]) -> None:
        if self.is_there:
            where = ", ".join(banner.url(*address) for address in banner.addresses_of(report))
            self.tell(f"READY=1\nSTATUS=serving on {where}\nMAINPID={os.getpid()}")

    def show_life(self, late: Callable[[float], Sequence[object]]) -> None:
        was_late = False
        while not self.is_over.wait(self.watchdog_s / SIGNS_PER_WAIT):
            was_late = self.show(late(self.watchdog_s), was_late)

    def show(self, late: Sequence[object], was_late: bool) -> bool:
        """Shows life unless something is late; whether something is."""
        if not late:
            self.tell("WATCHDOG=1")
        elif not was_late:
            names = ", ".join(map(str, late))
            banner.note(f"no sign of life for the service manager: {names} does not turn")
        return bool(late)

    def stopping(self) -> None:
        if self.is_there:
            self.tell("STOPPING=1\nSTATUS=stopping")

    def close(self) -> None:
        self.is_over.set()


def late_shards(server: Any, seconds: float, what: str = "shard") -> list[str]:
    """Which event loops have not turned within that time."""
    rows = server.stats()
    return [f"{what} {row['shard']}" for row in rows if row["loop_lag_us"] > seconds * 1e6]
