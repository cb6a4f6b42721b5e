//! The `uring` engine: the shard's loop, its connections, and the io_uring underneath.

pub(crate) mod arrivals;
pub(crate) mod completion;
mod connection;
pub(crate) mod engine;
pub(crate) mod kernel_features;
pub(crate) mod operations;
pub(crate) mod plan;
pub(crate) mod shard;
