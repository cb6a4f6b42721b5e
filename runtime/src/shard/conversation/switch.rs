//! What a connection takes along when it leaves HTTP for a WebSocket. A plain value.

use turbo_shard_protocol::Upgraded;
use turbo_shard_protocol::websocket::DeflateParams;

use crate::edge::Passage;
use crate::exchange::websocket_reply::WebSocketSlot;

/// The app's side of the exchange, and the connection's bytes in both directions.
pub(crate) struct Switch {
    pub(crate) slot: WebSocketSlot,
    pub(crate) deflate: Option<DeflateParams>,
    pub(crate) bytes: Upgraded,
    pub(crate) passage: Option<Box<Passage>>,
}
