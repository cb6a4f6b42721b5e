"""Counters and the log. Rows of the table of settings."""

from typing import Literal

from ..option import Group, Kind, row


class Reporting(Group, heading="counters and log"):
    stats_socket: str | None = row(
        Kind.FILE_PATH,
        default=None,
        help="Unix socket that answers each connection with the server's counters as one line of JSON; "
        "`turbo-shard stats PATH` shows them",
        default_text="none",
        daily=True,
    )
    log_level: Literal["critical", "error", "warning", "warn", "info", "debug", "trace"] = row(
        Kind.CHOICE,
        default="info",
        help="least important log line that is written",
        daily=True,
    )
    log_format: Literal["text", "json", "logfmt"] = row(
        Kind.CHOICE,
        default="text",
        help="form of the server's own log lines",
    )
