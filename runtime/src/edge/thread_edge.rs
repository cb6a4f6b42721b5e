//! What one thread does about the exchanges of its connections, around the app. Knows no sockets and no protocol.

use std::sync::Arc;
use std::time::Instant;

use turbo_shard_protocol::RequestHead;

use crate::connection_info::ConnectionInfo;
use crate::edge::config::EdgeConfig;
use crate::edge::forwarding::Seen;
use crate::edge::passage::{Answered, Passage};
use crate::edge::trusted_peers::TrustedPeers;
use crate::files::StaticFiles;
use crate::metrics::counters::Counters;
use crate::metrics::latency::LatencyWriter;
use crate::metrics::route_names::RouteId;
use crate::service::{Exchange, Outcome};

/// The calling thread's part of it. Never shared.
pub(crate) struct Edge {
    counters: Arc<Counters>,
    latency: Option<LatencyWriter>,
    /// Each exchange has a passage; else only one that needs it.
    follows_each: bool,
    /// Whose word on clients is taken.
    trusted: Option<TrustedPeers>,
    files: Option<StaticFiles>,
}

impl Edge {
    /// What the settings ask for; None if that is nothing.
    pub(crate) fn new(config: &EdgeConfig, counters: &Arc<Counters>) -> Option<Box<Edge>> {
        if config.is_idle() {
            return None;
        }
        Some(Box::new(Edge {
            counters: Arc::clone(counters),
            latency: config.measures_latency.then(LatencyWriter::default),
            follows_each: config.follows_each(),
            trusted: (config.reads_forwarded).then(|| config.trusted_peers.clone()),
            files: StaticFiles::new(&config.mounts),
        }))
    }

    /// A request's head is complete. None if nothing is to be done about the exchange.
    #[inline]
    pub(crate) fn enter(
        &self,
        request: RequestHead<'_>,
        connection: impl FnOnce() -> ConnectionInfo,
    ) -> Option<Box<Passage>> {
        let seen = match &self.trusted {
            Some(trusted) if request.is_forwarded() => Seen::of(request, connection(), trusted),
            _ => None,
        };
        if !self.follows_each && seen.is_none() {
            return None;
        }
        Some(Box::new(Passage {
            began: Instant::now(),
            route: RouteId::UNKNOWN,
            seen,
        }))
    }

    /// Answers in the app's stead, if that is the server's to do. Called with the head alone.
    pub(crate) fn answer(&self, exchange: &mut Exchange<'_>) -> Option<Outcome> {
        self.files.as_ref()?.answer(exchange)
    }

    /// The exchange has ended.
    pub(crate) fn leave(&self, passage: Box<Passage>, answered: Answered) {
        let Answered {
            status: Some(_),
            is_whole: true,
            ..
        } = answered
        else {
            return;
        };
        if let Some(latency) = &self.latency {
            latency.add(
                &self.counters.latencies,
                passage.route,
                passage.began.elapsed(),
            );
        }
    }
}
