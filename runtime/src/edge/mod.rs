//! What the server itself does about exchanges, around the app.

mod config;
mod forwarding;
mod passage;
mod thread_edge;
mod trusted_peers;

pub use config::EdgeConfig;
pub(crate) use passage::{Answered, Passage};
pub(crate) use thread_edge::Edge;
pub use trusted_peers::TrustedPeers;
