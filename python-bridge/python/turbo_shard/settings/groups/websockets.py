"""How WebSockets are kept. Rows of the table of settings."""

from ..option import Group, Kind, row
from .bounds import SECONDS_MAX


class WebSockets(Group, heading="WebSockets"):
    ws_ping_interval: float = row(
        Kind.SECONDS,
        default=20.0,
        help="how long a WebSocket may be silent before it is pinged; 0 never pings",
        unit="seconds",
        maximum=SECONDS_MAX,
    )
    ws_ping_timeout: float = row(
        Kind.SECONDS,
        default=20.0,
        help="how long the answer to such a ping may take; then the WebSocket is closed",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    )
    ws_message_max: int = row(
        Kind.BYTES,
        default=16 * 1024**2,
        help="largest WebSocket message; beyond it the WebSocket is closed with 1009",
        unit="bytes",
        maximum=2**40,
    )
    ws_deflate: bool = row(
        Kind.SWITCH,
        default=True,
        help="do not offer WebSocket clients to compress messages",
        negative=True,
        paired=True,
    )
