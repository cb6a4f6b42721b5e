//! How connections come in, whatever moves their bytes: the admission, what waits at the end, what other shards hand over,
//! and accepts that fail. Serving them is the engine's.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::SockRef;
use turbo_shard_protocol::Tick;

use crate::connection_info::{Address, ConnectionInfo, ListenerOptions};
use crate::metrics::counters::Cells;
use crate::net::listener;
use crate::service::App;
use crate::shard::hand_off::{Arrival, Fresh};
use crate::shard::host::{Admission, Host, LocalHost};
use crate::shard::log_gate::LogGate;

/// Pause after a failed accept (no descriptor left, most often): the queue stays, a busy loop would not help it.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection that its host has taken in, to serve it or to tell it 503.
pub(crate) struct Admitted {
    pub(crate) admission: Admission,
    pub(crate) info: ConnectionInfo,
}

/// Takes a fresh connection in. None where there are so many that it is just closed.
pub(crate) fn admit<H: Host + ?Sized>(
    host: &H,
    peer: SocketAddr,
    local: SocketAddr,
) -> Option<Admitted> {
    let admission = host.admit()?;
    let info = ConnectionInfo::plain(
        Address::Tcp(peer),
        Address::Tcp(local),
        ListenerOptions::default(),
    );
    Some(Admitted { admission, info })
}

/// Takes the connections that wait in the queue of a listener that is about to close: closing would reset them. Then the
/// listener leaves its group. The streams are non-blocking.
pub(crate) fn accept_rest(listener: &impl AsFd, serve: impl FnMut(TcpStream, SocketAddr)) {
    // Some engines' listeners block: the kernel waits at them.
    let unblocked = SockRef::from(listener).set_nonblocking(true);
    let accepted = unblocked.and_then(|()| listener::accept_waiting(listener, serve));
    if let Err(error) = accepted {
        log::warn!("connections that waited could not be accepted: {error}");
    }
    listener::leave_group(listener);
}

/// Does what another shard, or the supervisor, has left in this shard's queue. Returns what `serve` has returned.
pub(crate) fn take_in<A: App, R>(
    host: &LocalHost<A>,
    arrival: Arrival<'_>,
    serve: impl FnOnce(TcpStream, SocketAddr) -> R,
) -> Option<R> {
    match arrival {
        Arrival::Connection(Fresh { stream, peer }, _on_its_way) => Some(serve(stream, peer)),
        Arrival::SendAway(clients) => {
            host.bench.send_away.set(clients);
            None
        }
    }
}

/// Counts accepts that fail, and logs some.
pub(crate) struct AcceptFailures(LogGate);

impl AcceptFailures {
    pub(crate) fn new() -> AcceptFailures {
        AcceptFailures(LogGate::for_accepts())
    }

    pub(crate) fn note(&self, counters: &Cells, now: Tick, error: &io::Error) {
        counters.accept_errors.add(1);
        if self.0.pass(now) {
            log::warn!("a connection could not be accepted: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_accepted_and_then_nothing_more_even_where_the_listener_blocks() {
        let listener = &listener::bind_group("127.0.0.1", 0, 1, 16).unwrap()[0];
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(false).unwrap();
        let waiting = [(); 2].map(|()| TcpStream::connect(address).unwrap());
        let mut accepted = Vec::new();
        accept_rest(listener, |_, peer| accepted.push(peer));
        assert_eq!(accepted, waiting.map(|stream| stream.local_addr().unwrap()));
        assert!(TcpStream::connect(address).is_err());
    }
}
