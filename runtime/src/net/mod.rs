//! Sockets before they carry anything: listeners, and the cores that shards are placed on. Knows nothing of HTTP.

pub(crate) mod listener;
pub(crate) mod placement;
