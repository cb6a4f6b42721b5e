//! What a person may choose of what the server does around the app.

use std::sync::Arc;

use crate::coding::CompressionRules;
use crate::edge::access_log::AccessLog;
use crate::edge::concurrency::ConcurrencyLimit;
use crate::edge::own_path::OwnPath;
use crate::edge::request_id::RequestIdField;
use crate::edge::trusted_peers::TrustedPeers;
use crate::files::FileMount;

/// What the server does about each exchange, besides having the app answer it.
#[derive(Clone, Debug, Default)]
pub struct EdgeConfig {
    /// How long answers take is measured, for each route.
    pub measures_latency: bool,
    /// The port of `https` that clients of some listeners are led to; the server that has bound them sets it.
    pub redirects_to: Option<u16>,
    /// A path at which the server gives its metrics.
    pub own_path: Option<OwnPath>,
    /// How many exchanges may be in flight; those beyond are answered 503. All clones of it count together.
    pub concurrency: Option<ConcurrencyLimit>,
    /// Where the id of each is found; None if they have none.
    pub request_ids: Option<RequestIdField>,
    /// Where a line is written for each; open already.
    pub access_log: Option<AccessLog>,
    /// What trusted peers say of their clients is taken from `Forwarded` and `X-Forwarded-*`.
    pub reads_forwarded: bool,
    /// Peers that are believed when they say who asked them.
    pub trusted_peers: TrustedPeers,
    /// Directories whose files are answered before the app is asked.
    pub mounts: Vec<Arc<FileMount>>,
    /// Which answers are compressed; None for none.
    pub compression: Option<Arc<CompressionRules>>,
}

impl EdgeConfig {
    /// Nothing is done: then no exchange pays for any of it.
    pub(crate) fn is_idle(&self) -> bool {
        !self.follows_each()
            && self.redirects_to.is_none()
            && self.own_path.is_none()
            && self.trusted_peers.is_empty()
            && self.mounts.is_empty()
    }

    /// Something is done about every exchange, whatever it is.
    pub(crate) fn follows_each(&self) -> bool {
        self.measures_latency
            || self.access_log.is_some()
            || self.request_ids.is_some()
            || self.concurrency.is_some()
            || self.compression.is_some()
    }
}
