//! What the server itself does about exchanges, around the app.

mod access_log;
mod concurrency;
mod config;
mod forwarding;
mod log_escape;
mod log_timestamp;
mod own_path;
mod passage;
mod redirect;
mod request_id;
mod thread_edge;
mod trusted_peers;

pub(crate) use access_log::Note;
pub use access_log::{
    AccessLog, AccessLogSettings, AccessLogTarget, FormatError, LineFormat, LineTaker, SkippedPath,
    ToldRequest, ToldValue,
};
pub use concurrency::ConcurrencyLimit;
pub use config::EdgeConfig;
pub use log_escape::{push_json, push_logfmt};
pub use log_timestamp::Timestamp;
pub(crate) use own_path::AskedHere;
pub use own_path::OwnPath;
pub(crate) use passage::{Answered, Passage};
pub use request_id::RequestIdField;
pub(crate) use request_id::{Identified, InLog};
pub(crate) use thread_edge::Edge;
pub use trusted_peers::TrustedPeers;
