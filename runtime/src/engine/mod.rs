//! Engines: each runs one shard's whole life on the calling thread. How bytes and timers move is theirs alone.

pub(crate) mod connection_life;
pub(crate) mod glommio;
pub(crate) mod held_at_once;
pub(crate) mod plan;
pub(crate) mod registry;
pub(crate) mod steal;
pub(crate) mod tasks;
pub(crate) mod tokio;
pub(crate) mod uring;
pub(crate) mod wakes;
