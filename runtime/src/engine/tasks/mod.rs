//! What engines with an executor share: tasks for connections and for what a shard does besides. Knows no executor.

pub(crate) mod connection_set;
pub(crate) mod connection_task;
pub(crate) mod executor;
pub(crate) mod own_tasks;
pub(crate) mod shard_life;
