//! What a thread that runs connections has at hand: its service, buffers, clock and counters. Never shared.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::sync::Arc;

use turbo_shard_protocol::websocket::WebSocketLimits;
use turbo_shard_protocol::{ChosenLines, Limits, ServerLines, Tick, Workspace};

use crate::edge::{Edge, Passage};
use crate::metrics::counters::Counters;
use crate::shard::clock::Clock;
use crate::shard::log_gate::LogGate;
use crate::shard::server_lines::RenderedLines;
use crate::tls::context::Tls;

/// Bytes read from a socket at once, into one buffer per thread.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Workspaces kept for the next busy connection. Worst case per shard: 64 x 64 KiB (larger ones are dropped) = 4 MiB.
const SPARE_WORKSPACES_MAX: usize = 64;

/// The thread's own things.
pub(crate) struct Workbench<S> {
    pub(crate) service: S,
    pub(crate) limits: Arc<Limits>,
    pub(crate) websocket_limits: Arc<WebSocketLimits>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) clock: Clock,
    /// What the server itself does about each exchange; None where that is nothing.
    pub(crate) edge: Option<Box<Edge>>,
    /// What listeners that speak TLS speak.
    pub(crate) tls: Option<Tls>,
    /// The last tick that was read again after a call of the service.
    caught_up: Cell<Tick>,
    /// For lines that peers can cause.
    pub(crate) peer_log: LogGate,
    /// Clients still to ask to come back elsewhere.
    pub(crate) send_away: Cell<u32>,
    server_lines: RenderedLines,
    #[expect(
        clippy::vec_box,
        reason = "they are lent as boxes: lending moves a pointer, not a workspace"
    )]
    spare: RefCell<Vec<Box<Workspace>>>,
    read_buffer: RefCell<Vec<u8>>,
}

impl<S> Workbench<S> {
    pub(crate) fn new(
        service: S,
        limits: Arc<Limits>,
        websocket_limits: Arc<WebSocketLimits>,
        counters: Arc<Counters>,
        clock: Clock,
        edge: Option<Box<Edge>>,
        chosen_lines: ChosenLines,
    ) -> Workbench<S> {
        Workbench {
            service,
            limits,
            websocket_limits,
            counters,
            clock,
            edge,
            tls: None,
            caught_up: Cell::default(),
            peer_log: LogGate::for_peers(),
            send_away: Cell::new(0),
            server_lines: RenderedLines::new(chosen_lines),
            spare: RefCell::default(),
            read_buffer: RefCell::default(),
        }
    }

    /// The same for listeners that speak TLS.
    pub(crate) fn with_tls(self, tls: Option<Tls>) -> Workbench<S> {
        Workbench { tls, ..self }
    }

    /// What the server itself puts on an answer that is written now, to the exchange of this passage if it has one.
    #[inline]
    pub(crate) fn server_lines(
        &self,
        now: Tick,
        passage: Option<&Passage>,
    ) -> Ref<'_, ServerLines> {
        let identified = passage.and_then(|passage| passage.identified.as_deref());
        self.server_lines.at(now, identified)
    }

    /// The time after a call of the service that began at `now`: a handler that held the shard must not give what
    /// follows an old time.
    pub(crate) fn catch_up(&self, now: Tick) -> Tick {
        let later = self.clock.catch_up(now);
        if later > now {
            self.counters.note_held(later.since_ms(now));
        }
        self.caught_up.set(later);
        later
    }

    /// `now`, unless a call of the service has taken long since it was read.
    pub(crate) fn latest(&self, now: Tick) -> Tick {
        now.max(self.caught_up.get())
    }

    pub(crate) fn take_workspace(&self) -> Box<Workspace> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    pub(crate) fn put_workspace(&self, workspace: Box<Workspace>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_WORKSPACES_MAX && !workspace.is_oversized() {
            spare.push(workspace);
        }
    }

    /// The buffer that every read of this thread goes through. It is made at the first read, so that a thread that
    /// never serves costs nothing.
    pub(crate) fn read_buffer(&self) -> RefMut<'_, Vec<u8>> {
        let mut buffer = self.read_buffer.borrow_mut();
        if buffer.is_empty() {
            buffer.resize(READ_BUFFER_BYTES, 0);
        }
        buffer
    }
}
