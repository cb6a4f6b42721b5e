//! What the server itself does about exchanges, around the app.

mod config;
mod passage;
mod thread_edge;

pub use config::EdgeConfig;
pub(crate) use passage::{Answered, Passage};
pub(crate) use thread_edge::Edge;
