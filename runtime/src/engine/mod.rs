//! Engines: each runs one shard's whole life on the calling thread. How bytes and timers move is theirs alone.

pub(crate) mod connection_life;
pub(crate) mod connection_set;
pub(crate) mod connection_task;
pub(crate) mod glommio;
pub(crate) mod held_at_once;
pub(crate) mod io_uring_probe;
pub(crate) mod local_tasks;
pub(crate) mod per_core;
pub(crate) mod plan;
pub(crate) mod registry;
pub(crate) mod tokio_local;
pub(crate) mod uring;
pub(crate) mod uring_arrivals;
pub(crate) mod uring_buffers;
pub(crate) mod uring_completion;
mod uring_connection;
pub(crate) mod uring_features;
pub(crate) mod uring_operations;
pub(crate) mod uring_ring;
pub(crate) mod uring_shard;
pub(crate) mod wakes;
pub(crate) mod work_stealing;
