//! What became of an operation, as `operations.rs` reads completions. Knows neither rings nor memory.

use std::io;

use socket2::Socket;
use turbo_shard_ring::Chunk;

/// Number of a send in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SendId(pub(crate) u32);

/// What has become of an operation.
#[derive(Debug)]
pub(crate) enum Completion {
    /// `more` says in each of them whether the same operation goes on.
    Accepted {
        listener: u32,
        result: io::Result<Socket>,
        more: bool,
    },
    /// `None` is the end of what the peer sends.
    Received {
        connection: u32,
        result: io::Result<Option<Chunk>>,
        more: bool,
    },
    /// How many bytes of the send the socket has taken. The send waits to be ended or continued.
    Sent {
        connection: u32,
        id: SendId,
        result: io::Result<usize>,
    },
    Polled {
        tag: u32,
        result: io::Result<()>,
        more: bool,
    },
    /// A cancellation was carried out, or has not `found` its target, which has ended or is about to go on.
    Cancelled { connection: u32, found: bool },
}
