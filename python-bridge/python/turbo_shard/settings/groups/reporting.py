"""Counters and the log. Rows of the table of settings."""

from typing import Literal

from ..option import Group, Kind, row


class Reporting(Group, heading="counters and log"):
    stats_socket: str | None = row(
        Kind.FILE_PATH,
        default=None,
        help="Unix socket that answers with the server's counters, a line of JSON; "
        "`turbo-shard stats PATH` shows them",
        default_text="none",
        daily=True,
    )
    metrics: str | None = row(
        Kind.TEXT,
        default=None,
        help="[HOST:]PORT that answers /metrics, /livez and /readyz, without Python; the host is 127.0.0.1 "
        "unless it is named; or the path at which metrics are given beside the app",
        default_text="none",
        daily=True,
    )
    livez_timeout: float = row(
        Kind.SECONDS,
        default=10.0,
        help="a shard that has not turned for so long is not alive: /livez says 503",
        unit="seconds",
        minimum=1.0,
        maximum=3600.0,
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
    log_config: str | None = row(
        Kind.FILE_PATH,
        default=None,
        help="configure Python's logging by this file (JSON, YAML, TOML or INI), which then has the server's log, "
        "and the access log unless that has a file",
        default_text="none",
    )
