//! What a person may choose of what the server does around the app. Plain values.

use std::sync::Arc;

use crate::files::FileMount;

/// What the server does about each exchange, besides having the app answer it.
#[derive(Clone, Debug, Default)]
pub struct EdgeConfig {
    /// How long answers take is measured, for each route.
    pub measures_latency: bool,
    /// Directories whose files are answered before the app is asked.
    pub mounts: Vec<Arc<FileMount>>,
}

impl EdgeConfig {
    /// Nothing is done: then no exchange pays for any of it.
    pub(crate) fn is_idle(&self) -> bool {
        !self.measures_latency && self.mounts.is_empty()
    }
}
