//! The life of a server: bind, start, supervise, stop. Knows engines only by what the registry offers.

pub(crate) mod beat;
pub(crate) mod bound_server;
pub(crate) mod handle;
pub(crate) mod local_shard;
pub(crate) mod per_core;
pub(crate) mod rebalance;
pub(crate) mod report;
pub(crate) mod scraped;
pub(crate) mod shared_accept;
pub(crate) mod signals;
pub(crate) mod stealing;
pub(crate) mod stop;
pub(crate) mod supervisor;
pub(crate) mod watch;
pub(crate) mod worker;
