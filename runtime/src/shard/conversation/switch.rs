//! What a connection takes along when it leaves HTTP/1. Plain values.

use turbo_shard_protocol::Upgraded;
use turbo_shard_protocol::websocket::DeflateParams;

use crate::connection_info::ConnectionInfo;
use crate::edge::Passage;
use crate::exchange::websocket_reply::WebSocketSlot;

/// Where it goes.
pub(crate) enum Switch {
    WebSocket(ToWebSocket),
    Http2(ToHttp2),
}

/// The app's side of the exchange, and the connection's bytes in both directions.
pub(crate) struct ToWebSocket {
    pub(crate) slot: WebSocketSlot,
    pub(crate) deflate: Option<DeflateParams>,
    pub(crate) bytes: Upgraded,
    pub(crate) passage: Option<Box<Passage>>,
}

/// Whose connection it is, and the bytes that have come, from the preface on.
pub(crate) struct ToHttp2 {
    pub(crate) info: ConnectionInfo,
    pub(crate) bytes: Upgraded,
}
