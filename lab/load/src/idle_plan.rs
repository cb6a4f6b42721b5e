//! What idle connections consist of. Knows nothing of how they are held.

use std::net::SocketAddr;
use std::time::Duration;

use crate::exchange::Exchange;
use crate::request::Numbers;
use crate::tls::Tls;

/// What to hold.
#[derive(Clone, Debug)]
pub struct IdlePlan {
    /// The server.
    pub target: SocketAddr,
    /// What is asked once per connection.
    pub exchange: Exchange,
    /// With which numbers.
    pub numbers: Numbers,
    /// How many connections.
    pub connections: usize,
    /// How they are secured.
    pub tls: Option<Tls>,
    /// Whether they speak HTTP/2.
    pub is_http2: bool,
    /// Silence after which a connection counts as broken.
    pub answer_timeout: Duration,
}
