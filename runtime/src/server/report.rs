//! What a server is, once its sockets are bound. Plain values.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::{EngineName, Mode};
use crate::connection_info::Address;

/// What was bound and chosen.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where it listens.
    pub addresses: Vec<Address>,
    /// Whether TLS is spoken there.
    pub speaks_tls: bool,
    /// Where plain HTTP is led there from.
    pub redirects: Vec<Address>,
    /// Architecture.
    pub mode: Mode,
    /// Engine in use.
    pub engine: EngineName,
    /// Why that engine, for people.
    pub engine_reason: String,
    /// The core that each shard is pinned to; worker threads of the work-stealing runtime are not pinned.
    pub shard_cores: Vec<Option<usize>>,
    /// Where it gives metrics, if it has a port for that.
    pub metrics: Option<SocketAddr>,
    /// The path at which it gives them beside the app, if there is one.
    pub metrics_path: Option<Arc<str>>,
}
