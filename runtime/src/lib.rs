//! turbo-shard's runtime: shards, engines, listeners and the life of a server. It serves a Rust [`Service`] and knows
//! no Python.

mod blocking_pool;
mod config;
mod connection_info;
mod engine;
mod exchange;
mod metrics;
mod net;
mod route_table;
mod server;
mod service;
mod shard;
mod start_error;

pub use turbo_shard_protocol as protocol;
pub use turbo_shard_ring::{URING_FEATURES, UringFeature};

pub use blocking_pool::{BlockingPool, Job, QueueFull, ThreadHooks};
pub use config::{
    Balance, EngineChoice, EngineName, Mode, SHARDS_MAX, ServerConfig, Steering, THREAD_STACK_BYTES,
};
pub use connection_info::{Address, ConnectionInfo, Scheme};
pub use engine::registry::{EngineProbe, locked_bytes, probe_engines};
pub use exchange::message_feed::{MESSAGES_QUEUED_BYTES_HIGH, MESSAGES_QUEUED_MAX, Received};
pub use exchange::reply::{Flow, REPLY_QUEUED_BYTES_HIGH, ReplyHandle, ReplyListener};
pub use exchange::reply_part::HeldBytes;
pub use exchange::request_body::{BODY_QUEUED_BYTES_HIGH, BodyPart};
pub use exchange::response::Response;
pub use metrics::counters::{CounterRow, Counts, ShardCounts, WorkerCounts, counters};
pub use metrics::declaration::{Column, Figure, Kind, Shown, Unit};
pub use net::children::{end_if_child, is_child};
pub use net::placement::{AllowedCores, allowed_cores};
pub use route_table::*;
pub use server::bound_server::{BoundServer, Caller, Report};
pub use server::handle::ServerHandle;
pub use server::worker::Inheritance;
pub use service::{App, Exchange, HostedLoop, Outcome, Place, Service};
pub use start_error::StartError;
