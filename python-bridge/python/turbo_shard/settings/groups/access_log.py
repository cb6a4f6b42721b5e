"""The access log. Rows of the table of settings."""

from collections.abc import Sequence

from ..option import Group, Kind, row
from .bounds import SECONDS_MAX


class AccessLog(Group, heading="ids and the access log"):
    request_id: str | bool | None = row(
        Kind.FIELD_NAME,
        default=None,
        help="give each request an id, which app, answer and logs have: that of the header NAME if its peer is "
        "trusted, else a new one (no value: X-Request-ID)",
        default_text="none",
        bare="X-Request-ID",
    )
    access_log: str | bool | None = row(
        Kind.FILE_PATH,
        default=None,
        help="write a line for each request: to FILE, which SIGUSR1 opens again, "
        "or to standard output (no value, or -)",
        default_text="none",
        bare="-",
        daily=True,
    )
    access_log_format: str = row(
        Kind.TEXT,
        default="uvicorn",
        help="form of these lines: uvicorn, combined, json, logfmt, or a format string of gunicorn's atoms",
    )
    access_log_skip: Sequence[str] = row(
        Kind.URL_PATHS,
        default=(),
        help="path whose requests are not logged, or with a * at its end all that begin like this; "
        "may be given several times, or several with commas",
    )
    access_log_slow: float = row(
        Kind.SECONDS,
        default=0.0,
        help="log only requests that took at least so long, such as 500ms",
        unit="seconds",
        maximum=SECONDS_MAX,
        default_text="all",
    )
