//! turbo-shard's runtime: shards, engines, listeners and the life of a server. It serves a Rust [`Service`] and knows
//! no Python.

mod blocking_pool;
mod coding;
mod config;
mod connection_info;
mod edge;
mod engine;
mod exchange;
mod exposition;
mod files;
mod metrics;
mod net;
mod ordered_routes;
mod route_table;
mod scrape;
mod server;
mod service;
mod shard;
mod start_error;
mod thread_stack;
mod tls;

pub use turbo_shard_protocol as protocol;
pub use turbo_shard_ring::{URING_FEATURES, UringFeature};

pub use blocking_pool::{BlockingPool, Job, PoolLoad, QueueFull, ThreadHooks};
pub use coding::{CompressionLevel, CompressionRules};
pub use config::{
    Balance, EngineChoice, EngineName, MetricsPlace, Mode, SHARDS_MAX, ServerConfig, Steering,
};
pub use connection_info::{
    Address, Alpn, ConnectionInfo, ListenerOptions, MadeOnce, Scheme, TlsFacts, tls_version_name,
};
pub use edge::{
    AccessLog, AccessLogSettings, AccessLogTarget, ConcurrencyLimit, EdgeConfig, FormatError,
    LineFormat, LineTaker, OwnPath, RequestIdField, SkippedPath, Timestamp, ToldRequest, ToldValue,
    TrustedPeers, push_json, push_logfmt,
};
pub use engine::registry::{EngineProbe, locked_bytes, probe_engines};
pub use exchange::held_bytes::HeldBytes;
pub use exchange::http_reply::HttpReply;
pub use exchange::message_feed::{MESSAGES_QUEUED_BYTES_HIGH, MESSAGES_QUEUED_MAX, Received};
pub use exchange::reply_queue::{Flow, REPLY_QUEUED_BYTES_HIGH};
pub use exchange::request_body::{BODY_QUEUED_BYTES_HIGH, BodyPart};
pub use exchange::response::{INTERNAL_ERROR_BODY, Response};
pub use exchange::shared_reply::ReplyListener;
pub use exchange::websocket_reply::WebSocketReply;
pub use exposition::catalogue::{MetricRow, metric_rows};
pub use exposition::reading::{CollectorCounts, LifeStage};
pub use files::{
    FileBody, FileDone, FileEnd, FileMount, FileMountSettings, StaticFiles, send_file,
};
pub use metrics::counters::{
    CounterRow, Counts, STALL_MS_MIN, ShardCounts, WorkerThreadCounts, counters,
};
pub use metrics::declaration::{Column, Family, Figure, Kind, Shown, Unit};
pub use metrics::latency::{LATENCY_BOUNDS_US, LatencyCounts, LatencyKey};
pub use metrics::route_names::{ROUTES_TOLD_APART_MAX, RouteId};
pub use net::bind::{Bind, BindPlace, Redirect, UnixPlace};
pub use net::bound_address::InheritedListener;
pub use net::children::{end_if_child, is_child};
pub use net::listener::Listener;
pub use net::placement::{AllowedCores, allowed_cores};
pub use ordered_routes::{Convertor, OrderedFound, OrderedRoutes, RouteSegment, SEGMENTS_MAX};
pub use route_table::*;
pub use server::bound_server::{BoundServer, Caller};
pub use server::handle::ServerHandle;
pub use server::local_shard::{LocalConnection, LocalShard, Pause};
pub use server::report::Report;
pub use server::signals::disarm_signal;
pub use server::worker::Inheritance;
pub use service::{App, Exchange, HostedLoop, Outcome, Place, Service};
pub use start_error::StartError;
pub use thread_stack::THREAD_STACK_BYTES;
pub use tls::client_certificates::ClientCertificates;
pub use tls::context::{Tls, TlsSettings, TlsVersion};
pub use tls::files::{PairPaths, TlsPaths};
