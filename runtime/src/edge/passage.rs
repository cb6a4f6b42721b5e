//! What is known of one exchange while it lasts, for what the server does around the app. Plain values.

use std::time::Instant;

use crate::coding::Compression;
use crate::edge::access_log::Note;
use crate::edge::concurrency::InFlight;
use crate::edge::forwarding::Seen;
use crate::edge::request_id::Identified;
use crate::metrics::route_names::RouteId;

/// An exchange on its way through the server.
pub(crate) struct Passage {
    /// When its head was complete.
    pub(crate) began: Instant,
    /// The route that the app has found for it.
    pub(crate) route: RouteId,
    /// What compresses its answer.
    pub(crate) compression: Option<Box<Compression>>,
    /// Its place among those in flight, where their number is limited.
    pub(crate) in_flight: Option<InFlight>,
    /// How the client saw it, where trusted proxies say so; else it is as it has come in.
    pub(crate) seen: Option<Seen>,
    /// The request with its id, where requests have ids.
    pub(crate) identified: Option<Box<Identified>>,
    /// What the access log says of it; None if that says nothing.
    pub(crate) note: Option<Note>,
}

/// How an exchange has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// The status of its answer; None if the connection ended before there was one.
    pub(crate) status: Option<u16>,
    /// Bytes of the answer's body, without framing.
    pub(crate) body_bytes: u64,
    /// The whole answer was written. Not so where the connection ended before, or a refusal took the app's place.
    pub(crate) is_whole: bool,
}
