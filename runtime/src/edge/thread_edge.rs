//! What one thread does about the exchanges of its connections, around the app. Knows no sockets and no protocol.

use std::sync::Arc;
use std::time::Instant;

use turbo_shard_protocol::{HeaderLines, RequestHead};

use crate::coding::{Compression, CompressionRules};
use crate::connection_info::{Address, ConnectionInfo};
use crate::edge::access_log::Pen;
use crate::edge::concurrency::{ConcurrencyLimit, InFlight};
use crate::edge::config::EdgeConfig;
use crate::edge::forwarding::Seen;
use crate::edge::own_path::OwnPath;
use crate::edge::passage::{Answered, Passage};
use crate::edge::redirect;
use crate::edge::request_id::RequestIds;
use crate::edge::trusted_peers::TrustedPeers;
use crate::files::StaticFiles;
use crate::metrics::counters::Counters;
use crate::metrics::latency::{LatencyKey, LatencyWriter};
use crate::metrics::route_names::RouteId;
use crate::service::{Exchange, Outcome};

/// The calling thread's part of it. Never shared.
pub(crate) struct Edge {
    counters: Arc<Counters>,
    latency: Option<LatencyWriter>,
    /// Where clients of listeners that redirect are led.
    redirects_to: Option<u16>,
    own_path: Option<OwnPath>,
    concurrency: Option<ConcurrencyLimit>,
    /// Each exchange has a passage; else only one that needs it.
    follows_each: bool,
    /// Peers' words on clients are taken from their fields.
    reads_forwarded: bool,
    trusted_peers: TrustedPeers,
    files: Option<StaticFiles>,
    compression: Option<Arc<CompressionRules>>,
    request_ids: Option<RequestIds>,
    access_log: Option<Pen>,
}

impl Edge {
    /// What the settings ask for; None if that is nothing. A worker thread of the work-stealing runtime is no shard.
    pub(crate) fn new(
        config: &EdgeConfig,
        counters: &Arc<Counters>,
        shard: Option<usize>,
    ) -> Option<Box<Edge>> {
        if config.is_idle() {
            return None;
        }
        Some(Box::new(Edge {
            counters: Arc::clone(counters),
            latency: config.measures_latency.then(LatencyWriter::default),
            redirects_to: config.redirects_to,
            own_path: config.own_path.clone(),
            concurrency: config.concurrency.clone(),
            follows_each: config.follows_each(),
            reads_forwarded: config.reads_forwarded,
            trusted_peers: config.trusted_peers.clone(),
            files: StaticFiles::new(&config.mounts),
            compression: config.compression.clone(),
            request_ids: config.request_ids.as_ref().map(RequestIds::new),
            access_log: config
                .access_log
                .as_ref()
                .map(|log| log.pen(shard, counters)),
        }))
    }

    /// A request's head is complete. None if nothing is to be done about the exchange.
    #[inline]
    pub(crate) fn enter(
        &self,
        request: RequestHead<'_>,
        connection: impl Fn() -> ConnectionInfo,
    ) -> Option<Box<Passage>> {
        let seen = match self.reads_forwarded && request.is_forwarded() {
            true => Seen::of(request, connection(), &self.trusted_peers),
            false => None,
        };
        if !self.follows_each && seen.is_none() {
            return None;
        }
        let identified = self.request_ids.as_ref().map(|ids| {
            let is_trusted = self.trusted_peers.trusts(&connection().peer);
            let head = seen.as_ref().map_or(request, |seen| seen.head_or(request));
            Box::new(ids.identify(head, is_trusted))
        });
        let note = self.access_log.as_ref().and_then(|pen| {
            let shown = identified.as_ref().map_or(request, |one| one.head());
            match &seen {
                Some(seen) => pen.note(shown, &seen.connection),
                None => pen.note(shown, &connection()),
            }
        });
        let rules = self.compression.as_ref();
        let compression = rules.and_then(|rules| Compression::of(rules, &request));
        Some(Box::new(Passage {
            began: Instant::now(),
            route: RouteId::UNKNOWN,
            in_flight: None,
            seen,
            identified,
            compression: compression.map(Box::new),
            note,
        }))
    }

    /// Whether a peer is believed when it says who asked it.
    pub(crate) fn trusts(&self, peer: &Address) -> bool {
        self.trusted_peers.trusts(peer)
    }

    /// Answers in the app's stead, if that is the server's to do. Called with the head alone; `in_flight` is for the passage.
    #[inline]
    pub(crate) fn answer(
        &self,
        in_flight: &mut Option<InFlight>,
        exchange: &mut Exchange<'_>,
    ) -> Option<Outcome> {
        if exchange.connection.listener.redirects
            && let Some(port) = self.redirects_to
        {
            return Some(redirect::answer(exchange, self.files.as_ref(), port));
        }
        // What the server says of itself is said where it is full as well.
        if let Some(own) = &self.own_path
            && let Some(outcome) = own.answer(exchange)
        {
            return Some(outcome);
        }
        if let Some(limit) = &self.concurrency {
            *in_flight = limit.enter();
            if in_flight.is_none() {
                self.counters.refused_in_flight.add(1);
                self.counters.note_refusal(503);
                return Some(refuse_overload(exchange));
            }
        }
        self.files.as_ref()?.answer(exchange)
    }

    /// The head of the answer has been written, and is among these bytes, if not behind it.
    pub(crate) fn note_answer(&self, passage: &mut Passage, sent: &[u8]) {
        if let (Some(pen), Some(note)) = (&self.access_log, &mut passage.note) {
            pen.note_answer(note, sent);
        }
    }

    /// The exchange has ended.
    pub(crate) fn leave(&self, passage: Passage, answered: Answered) {
        let Passage {
            began, route, note, ..
        } = passage;
        let took = began.elapsed();
        if let (Some(latency), Some(status), true) =
            (&self.latency, answered.status, answered.is_whole)
        {
            let key = LatencyKey::new(route, status);
            latency.add(&self.counters.latencies, key, took);
        }
        if let (Some(pen), Some(note)) = (&self.access_log, note) {
            pen.write(note, began, took, route, answered);
        }
    }

    /// What a peer has sent was refused before it was a request.
    pub(crate) fn refuse(&self, sent: &[u8], connection: &ConnectionInfo, answered: Answered) {
        if let Some(pen) = &self.access_log {
            pen.write_refusal(sent, connection, answered);
        }
    }
}

/// As the server answers where it has all the connections it may have, but the connection goes on.
fn refuse_overload(exchange: &mut Exchange<'_>) -> Outcome {
    let mut lines = HeaderLines::new();
    let _ = lines
        .push(b"retry-after", b"1")
        .and_then(|()| lines.push(b"content-type", b"text/plain; charset=utf-8"))
        .and_then(|()| exchange.response.whole(503, &lines, b"Service Unavailable"));
    Outcome::Answered
}
