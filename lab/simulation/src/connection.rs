//! A keep-alive connection as both sides see it: what the client has sent or holds back, what the server knows of it.

use std::collections::VecDeque;

/// One request on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// When the client meant to send it.
    pub(crate) intended: u64,
    /// The handler's time on a core.
    pub(crate) service: u64,
    /// For how long the handler waits.
    pub(crate) wait: u64,
    /// Whether it counts: it does not while everything warms up.
    pub(crate) measured: bool,
}

/// Where a connection stands with the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing is known of it but its socket.
    #[default]
    Idle,
    /// It stands in a queue of tasks.
    Scheduled,
    /// A core runs it.
    Running,
    /// Its handler waits.
    Waiting,
}

#[derive(Debug, Default)]
pub(crate) struct Connection {
    /// The shard it was placed on; unused where tasks move.
    pub(crate) home: u32,
    /// The core that ran it last; none at first.
    pub(crate) last_core: Option<u32>,
    /// Due at the client, but too much is in flight.
    pub(crate) held_back: VecDeque<Request>,
    pub(crate) in_flight: usize,
    /// When the client has seen the last answer.
    pub(crate) client_free_at: u64,
    /// Sent, not delivered yet.
    pub(crate) on_the_way: VecDeque<Request>,
    /// In the server's socket, unread.
    pub(crate) inbox: VecDeque<Request>,
    pub(crate) stage: Stage,
    /// It stands in the I/O driver's list of ready sockets.
    pub(crate) is_ready: bool,
    /// It was woken while it ran.
    pub(crate) is_notified: bool,
    /// What its handlers wait with; more than one only where pipelined requests are served side by side.
    pub(crate) waited: VecDeque<Request>,
}
