//! Sockets before they carry anything: listeners, the cores that shards are placed on, and the way from the kernel to
//! both. Knows nothing of HTTP.

pub(crate) mod bind;
pub(crate) mod bound_address;
pub(crate) mod children;
pub(crate) mod exclusive_watch;
pub(crate) mod inherited;
pub(crate) mod listener;
pub(crate) mod open_files;
pub(crate) mod placement;
pub(crate) mod sockets;
pub(crate) mod steering;
pub(crate) mod tcp_group;
pub(crate) mod unix_socket;
