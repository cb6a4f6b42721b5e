//! What one thread does about the exchanges of its connections, around the app. Knows no sockets and no protocol.

use std::sync::Arc;
use std::time::Instant;

use crate::edge::config::EdgeConfig;
use crate::edge::passage::{Answered, Passage};
use crate::files::StaticFiles;
use crate::metrics::counters::Counters;
use crate::metrics::latency::LatencyWriter;
use crate::metrics::route_names::RouteId;
use crate::service::{Exchange, Outcome};

/// The calling thread's part of it. Never shared.
pub(crate) struct Edge {
    counters: Arc<Counters>,
    latency: Option<LatencyWriter>,
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
            files: StaticFiles::new(&config.mounts),
        }))
    }

    /// A request's head is complete.
    pub(crate) fn enter(&self) -> Box<Passage> {
        Box::new(Passage {
            began: Instant::now(),
            route: RouteId::UNKNOWN,
        })
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
