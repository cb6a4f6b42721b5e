//! turbo-shard's runtime: shards, engines, listeners and the life of a server. It serves a Rust [`Service`] and knows
//! no Python.

mod blocking_pool;
mod config;
mod engine;
mod mailbox;
mod message_feed;
mod net;
mod rebalance;
mod reply;
mod reply_part;
mod request_body;
mod route_table;
mod server;
mod server_handle;
mod service;
mod shard;
mod signals;
mod stop;
mod supervisor;
mod worker;

pub use turbo_shard_protocol as protocol;

pub use blocking_pool::{BlockingPool, Job, QueueFull, ThreadHooks};
pub use config::{
    BACKLOG_DEFAULT, Balance, CONNECTIONS_MAX_DEFAULT, EngineChoice, EngineName,
    GRACEFUL_TIMEOUT_MS_DEFAULT, Mode, SHARDS_MAX, ServerConfig, Steering, THREAD_STACK_BYTES,
    WebSocketConfig,
};
pub use engine::registry::{EngineProbe, locked_bytes, probe_engines};
pub use engine::uring_features::{URING_FEATURES, UringFeature};
pub use message_feed::{MESSAGES_QUEUED_BYTES_HIGH, MESSAGES_QUEUED_MAX, Received};
pub use net::children::{end_if_child, is_child};
pub use net::placement::{AllowedCores, allowed_cores};
pub use reply::{Flow, REPLY_QUEUED_BYTES_HIGH, ReplyHandle, ReplyListener};
pub use reply_part::HeldBytes;
pub use request_body::{BODY_QUEUED_BYTES_HIGH, BodyPart};
pub use route_table::*;
pub use server::{BoundServer, Caller, Report};
pub use server_handle::ServerHandle;
pub use service::{App, ConnectionInfo, Exchange, HostedLoop, Outcome, Place, Service, StartError};
pub use shard::counters::{ShardCounts, WorkerCounts};
pub use worker::Inheritance;
