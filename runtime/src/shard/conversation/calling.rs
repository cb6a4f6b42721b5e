//! A call of the service, with what surrounds it, whatever version of HTTP the request came in; and the answers that are
//! written where it fails. Knows no sockets, no clock and no protocol state.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use turbo_shard_protocol::{HeaderLines, RequestHead};

use crate::edge::{InLog, Passage};
use crate::exchange::response::{INTERNAL_ERROR_BODY, Response};
use crate::exchange::writer::Writer;
use crate::metrics::route_names::RouteId;
use crate::net::children::end_if_child;
use crate::service::{Deferred, Exchange, Outcome, Service};
use crate::shard::conversation::both_ends::BothEnds;
use crate::shard::workbench::Workbench;

/// A request that is about to be handed to the service.
pub(super) struct Call<'a> {
    pub(super) request: RequestHead<'a>,
    /// Where the service has asked for it: then this is the second call.
    pub(super) body: Option<&'a [u8]>,
    pub(super) is_body_at_hand: bool,
    pub(super) writer: Writer<'a>,
    pub(super) ends: &'a BothEnds,
    /// None where nothing but the call is wanted of the server.
    pub(super) passage: Option<&'a mut Passage>,
    pub(super) waker: &'a Waker,
}

/// What came of it.
pub(super) enum Called {
    /// The whole answer is written.
    Answered,
    /// To be called again with the body.
    ReadBody { bytes_max: u64 },
    /// The answer comes later.
    Deferred(Deferred),
    /// There is none, which is our side's fault. With a panic, nothing is known of what the handler has left behind.
    Failed { has_panicked: bool },
}

impl Call<'_> {
    /// Makes it. Without an edge, what that may ask for is not compiled.
    #[inline(always)]
    pub(super) fn make<S: Service, const HAS_EDGE: bool>(self, bench: &Workbench<S>) -> Called {
        let Call {
            request,
            body,
            is_body_at_hand,
            writer,
            ends,
            mut passage,
            waker,
        } = self;
        let (seen, identified, compression) = match passage.as_deref_mut() {
            Some(Passage {
                seen,
                identified,
                compression,
                ..
            }) => (
                seen.as_ref(),
                identified.as_deref(),
                compression.as_deref_mut(),
            ),
            None => (None, None, None),
        };
        let mut room = MaybeUninit::uninit();
        let connection = match seen {
            Some(seen) => &seen.connection,
            None => ends.lent(&mut room),
        };
        let is_first = body.is_none();
        let (mut deferred, mut in_flight) = (None, None);
        // Made out here: what the caught closure holds is copied on its way in.
        let mut exchange = Exchange {
            request: match (identified, seen) {
                (Some(identified), _) => identified.head(),
                (None, Some(seen)) => seen.head_or(request),
                (None, None) => request,
            },
            body,
            is_body_at_hand,
            response: Response::new(writer, compression),
            websocket_limits: &bench.websocket_limits,
            connection,
            waker,
            route: RouteId::UNKNOWN,
            deferred: &mut deferred,
        };
        let result = catch_unwind(AssertUnwindSafe(|| {
            let edge = bench.edge.as_ref().filter(|_| HAS_EDGE && is_first);
            let answered = edge.and_then(|edge| edge.answer(&mut in_flight, &mut exchange));
            let outcome = answered.unwrap_or_else(|| bench.service.call(&mut exchange));
            end_if_child();
            outcome
        }));
        let (is_finished, route) = (exchange.response.is_finished(), exchange.route);
        if let (Some(passage), Ok(_)) = (passage.as_deref_mut(), &result) {
            passage.route = route;
            if in_flight.is_some() {
                passage.in_flight = in_flight;
            }
        }
        match (result, deferred) {
            (Ok(Outcome::Answered), _) if is_finished => Called::Answered,
            (Ok(Outcome::ReadBody { bytes_max }), _) if is_first => Called::ReadBody { bytes_max },
            (Ok(Outcome::Deferred), Some(deferred)) => Called::Deferred(deferred),
            (Ok(outcome), _) => {
                log::error!(
                    "the service returned {outcome:?} (answer finished: {is_finished}), which does not fit"
                );
                let has_panicked = false;
                Called::Failed { has_panicked }
            }
            (Err(_panic), _) => note_panic(bench, ends, passage.as_deref()),
        }
    }
}

/// The panic hook has printed where; the shard lives on.
#[cold]
fn note_panic<S>(bench: &Workbench<S>, ends: &BothEnds, passage: Option<&Passage>) -> Called {
    bench.counters.handler_panics.add(1);
    let id = InLog(passage.and_then(|passage| passage.identified.as_deref()));
    let peer = ends.peer();
    log::error!("a handler panicked while it answered {peer}{id}");
    let has_panicked = true;
    Called::Failed { has_panicked }
}

/// Our side cannot answer: 500 while nothing was sent. Returns whether that was so.
#[cold]
pub(super) fn answer_failure(mut writer: Writer<'_>) -> bool {
    if writer.is_started() {
        return false;
    }
    let mut lines = HeaderLines::new();
    lines
        .push(b"content-type", b"application/json")
        .and_then(|()| writer.whole(500, &lines, INTERNAL_ERROR_BODY))
        .is_ok()
}
