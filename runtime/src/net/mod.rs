//! Sockets before they carry anything: listeners, and the cores that shards are placed on. Knows nothing of HTTP.

pub(crate) mod listener;
pub(crate) mod open_files;
pub(crate) mod placement;
