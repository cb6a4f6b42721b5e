//! What the server itself does about exchanges, around the app.

mod access_log;
mod concurrency;
mod config;
mod forwarding;
mod log_escape;
mod log_timestamp;
mod passage;
mod thread_edge;
mod trusted_peers;

pub(crate) use access_log::Note;
pub use access_log::{
    AccessLog, AccessLogSettings, AccessLogTarget, FormatError, LineFormat, SkippedPath,
};
pub use concurrency::ConcurrencyLimit;
pub use config::EdgeConfig;
pub use log_escape::{push_json, push_logfmt};
pub use log_timestamp::Timestamp;
pub(crate) use passage::{Answered, Passage};
pub(crate) use thread_edge::Edge;
pub use trusted_peers::TrustedPeers;
