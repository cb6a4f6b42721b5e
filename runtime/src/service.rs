//! What the runtime asks of an application, and what it gives it. Knows nothing of Python, sockets or engines.

use std::os::fd::RawFd;
use std::task::Waker;
use std::time::Instant;

use turbo_shard_protocol::RequestHead;
use turbo_shard_protocol::websocket::WebSocketLimits;

use crate::connection_info::ConnectionInfo;
use crate::exchange::http_reply::{HttpReply, HttpSlot};
use crate::exchange::response::Response;
use crate::metrics::route_names::RouteId;
use crate::start_error::StartError;

/// What the user wrote, as the runtime sees it: shared by all threads, it makes one [`Service`] for each of them.
///
/// The hooks let an interpreter keep one thread state for each thread's whole life (invariant I4). They are called on
/// the thread that they concern, in the order `thread_starts`, `service`, any number of `thread_parks`, `thread_stops`.
pub trait App: Send + Sync + 'static {
    /// The per-thread service.
    type Service: Service;

    /// Whether shard `index` may start while those before it still make their services. Otherwise it starts when they serve.
    fn starts_side_by_side(&self, _index: usize) -> bool {
        false
    }

    /// A thread that will run a service has started. Threads are started one after another, unless the app has
    /// [said otherwise](App::starts_side_by_side).
    fn thread_starts(&self) -> Result<(), StartError> {
        Ok(())
    }

    /// Makes the service of the calling thread.
    fn service(&self, place: Place) -> Result<Self::Service, StartError>;

    /// The calling thread is about to wait in the kernel, or has finished a batch where the engine cannot tell.
    /// Nothing that others wait for (an attached thread state) may be held past this call. Called often: keep it cheap.
    fn thread_parks(&self) {}

    /// The calling thread ends. Its service has been dropped already.
    fn thread_stops(&self) {}

    /// A stop was asked for: what is in flight may finish until `deadline`, after which it is cut. Comes again, with an
    /// earlier time, if the cut comes before that. Called on the supervisor's thread.
    fn stops_by(&self, _deadline: Instant) {}

    /// Process mode: this worker alone was told to stop. It accepts no more, so its successor is wanted now.
    fn retires(&self) {}

    /// Process mode: all workers were told to stop, and this one has so many requests in flight.
    fn drains(&self, _in_flight: u64) {}

    /// The shard does not come back from the app's code, though everything has been cut, and its thread runs the server
    /// (process mode, [`Caller::IsFirstShard`](crate::Caller)): only the process can end. Called on another thread.
    fn given_up(&self) {
        std::process::exit(1)
    }

    /// Work-stealing mode: the worker threads have ended and their services have stopped, so what these shared may end. Runs
    /// on a thread that is none of them, within the time that a stop leaves: one that waits longer is left behind.
    fn worker_threads_ended(&self) {}
}

/// Where a service lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On shard number `0..shards`: connections and hosted loop share this one pinned thread.
    Shard(usize),
    /// On one of the work-stealing runtime's worker threads: a connection may be polled on another of them the next time.
    WorkerThread,
}

/// What a connection calls. One instance lives on one thread and is called only there, so it needs no lock.
pub trait Service: Send + 'static {
    /// Answers a request, asks for its body, or takes the answer upon itself.
    ///
    /// Called when the head is complete, and a second time with the body after [`Outcome::ReadBody`]. It runs on the
    /// thread that owns the connection: whatever it does, the shard's other connections wait for it. A panic is caught
    /// and answered 500.
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome;

    /// Whether requests for WebSockets are answered by one: where not, HTTP/2 does not offer them (RFC 8441).
    fn takes_websockets(&self) -> bool {
        false
    }

    /// The event loop that should live on this shard's thread, if there is one. Asked for once, on a shard's thread;
    /// never in work-stealing mode.
    fn hosted_loop(&self) -> Option<Box<dyn HostedLoop>> {
        None
    }

    /// The shard has drained and no call will follow. Runs on the service's thread.
    fn stop(&self) {}
}

/// What a service did with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The whole answer is in [`Exchange::response`].
    Answered,
    /// Call again once the whole body of at most `bytes_max` bytes is there (beyond: 413).
    ReadBody {
        /// Largest body in bytes that the service takes.
        bytes_max: u64,
    },
    /// The answer comes through the [`HttpReply`] that [`Exchange::defer`] or [`Exchange::defer_streaming`] gave.
    Deferred,
}

impl Outcome {
    /// A body of whatever size the server's own limit allows.
    pub const READ_BODY: Outcome = Outcome::ReadBody {
        bytes_max: u64::MAX,
    };
}

/// One request and the place for its answer.
pub struct Exchange<'a> {
    /// The request's head; it borrows the connection's buffer.
    pub request: RequestHead<'a>,
    /// The whole body, on the call that follows [`Outcome::ReadBody`].
    pub body: Option<&'a [u8]>,
    /// The whole body has arrived already: [`Outcome::ReadBody`] calls again at once.
    pub is_body_at_hand: bool,
    /// Where an immediate answer goes.
    pub response: Response<'a>,
    /// What [`Handshake::accept`](turbo_shard_protocol::websocket::Handshake::accept) needs to know.
    pub websocket_limits: &'a WebSocketLimits,
    /// The two ends of the connection, and the scheme.
    pub connection: &'a ConnectionInfo,
    /// The route that the request was found to be for, if the service has routes: metrics and logs tell them apart.
    pub route: RouteId,
    pub(crate) waker: &'a Waker,
    pub(crate) deferred: &'a mut Option<Deferred>,
}

/// What [`Exchange::defer`] leaves with the connection.
pub(crate) struct Deferred {
    pub(crate) slot: HttpSlot,
    pub(crate) streams_body: bool,
}

impl Exchange<'_> {
    /// Takes the answer out of this call: it may come later, whole or in pieces, from any thread.
    ///
    /// To be followed by [`Outcome::Deferred`].
    pub fn defer(&mut self) -> HttpReply {
        self.defer_as(false)
    }

    /// As [`defer`](Exchange::defer), for a service that reads the request's body while it comes
    /// ([`HttpReply::take_body`]). Not after the body was read whole.
    pub fn defer_streaming(&mut self) -> HttpReply {
        self.defer_as(self.body.is_none())
    }

    fn defer_as(&mut self, streams_body: bool) -> HttpReply {
        let (reply, slot) = HttpReply::pair(self.waker.clone());
        *self.deferred = Some(Deferred { slot, streams_body });
        reply
    }
}

/// An event loop that a shard drives on its own thread (asyncio, for one).
///
/// The engine watches `fd` and calls `turn` when it is readable, or when `is_ready` says so after a batch of calls.
pub trait HostedLoop {
    /// A descriptor that polls readable while the loop has input, an expired timer, or a call from another thread.
    fn fd(&self) -> RawFd;

    /// Whether something can run now without waiting for `fd`. Asked after every batch: keep it cheap.
    fn is_ready(&self) -> bool;

    /// Runs what is ready, once.
    fn turn(&self);
}
