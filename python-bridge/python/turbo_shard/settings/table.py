"""Every setting of a server, each in one row: default, bounds, unit and meaning, by groups.

The command line and its help, `serve()`, the settings object, what the native server is given, the reference in
docs/running.md and shell completion come from these rows. Defaults stand in them only. The rows are in `groups`, a file
for each group; this file puts them in order.
"""

from .groups.access_log import AccessLog
from .groups.answers import Answers
from .groups.app import AppPlace, AppUse
from .groups.architecture import Architecture
from .groups.blocking import Blocking
from .groups.compression import Compression
from .groups.files import Files
from .groups.limits import Limits
from .groups.listening import Listening
from .groups.proxies import Proxies
from .groups.reporting import Reporting
from .groups.tls import Tls
from .groups.websockets import WebSockets
from .option import Option


class ServeSettings(
    Listening,
    Tls,
    Proxies,
    Architecture,
    AppUse,
    Limits,
    Blocking,
    WebSockets,
    Files,
    Compression,
    Answers,
    AccessLog,
    Reporting,
):
    """What `serve()` takes beside the app, which a script need not find."""


class Settings(ServeSettings, AppPlace):
    """All that a server is told. `settings_from` makes it and has checked every value."""


OPTIONS: tuple[Option, ...] = Settings.options
OPTION_BY_NAME: dict[str, Option] = {option.name: option for option in OPTIONS}
