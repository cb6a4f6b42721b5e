//! The `uring` engine: the shard's loop, its connections, and the io_uring underneath.

mod arrivals;
mod completion;
mod connection;
mod engine;
mod kernel_features;
mod listening;
mod operations;
mod plan;
mod shard;
mod spare_buffers;

pub(crate) use engine::Uring;
