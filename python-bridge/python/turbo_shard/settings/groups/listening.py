"""Where a server listens. Rows of the table of settings."""

from ..option import Group, Kind, row


class Listening(Group, heading="listening"):
    host: str = row(
        Kind.TEXT,
        default="127.0.0.1",
        help="address or name to listen on; 0.0.0.0 and :: listen on all of IPv4 and of IPv6",
        daily=True,
        replaced_by="bind",
    )
    port: int = row(
        Kind.WHOLE,
        default=8000,
        help="port to listen on; 0 takes a free one",
        maximum=65_535,
        common_variable="PORT",
        daily=True,
        replaced_by="bind",
    )
    bind: tuple[str, ...] = row(
        Kind.BINDS,
        default=(),
        help="where to listen, in the place of host and port; may be given several times: ADDRESS:PORT, "
        "[IPV6]:PORT, :PORT (every address), unix:PATH, unix:@NAME, fd://NUMBER; "
        ",mode=660, ,owner=USER and ,group=GROUP may follow a path, ,proxy (PROXY protocol) any of them",
        default_text="host and port",
        daily=True,
    )
    unix_mode: str = row(
        Kind.FILE_MODE,
        default="666",
        help="who may connect to the Unix sockets of --bind, as a file's mode; the directory says who reaches them",
    )
    user: str | None = row(
        Kind.TEXT,
        default=None,
        help="user to become once the sockets are bound, with its groups; before the app is imported",
        default_text="the one that starts the server",
    )
    group: str | None = row(
        Kind.TEXT,
        default=None,
        help="group to become once the sockets are bound",
        default_text="that of the user",
    )
    backlog: int = row(
        Kind.WHOLE,
        default=1024,
        help="connections that may wait to be accepted, of each listener; "
        "the kernel cuts it to net.core.somaxconn",
        unit="connections",
        minimum=1,
        maximum=1_000_000,
    )
