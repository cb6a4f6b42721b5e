//! How connections come in, whatever moves their bytes: the admission, what waits at the end, what other shards hand over,
//! and accepts that fail. Serving them is the engine's.

use std::io;
use std::time::Duration;

use turbo_shard_protocol::Tick;

use crate::connection_info::ConnectionInfo;
use crate::metrics::counters::Cells;
use crate::net::listener::{Fresh, Listener};
use crate::service::App;
use crate::shard::hand_off::Arrival;
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
pub(crate) fn admit<H: Host + ?Sized>(host: &H, info: ConnectionInfo) -> Option<Admitted> {
    let admission = host.admit()?;
    Some(Admitted { admission, info })
}

/// Takes the connections that wait in the queue of a listener that is about to close: closing would reset them. Then the
/// listener leaves its group. The sockets are non-blocking. A lent listener stays as it is.
pub(crate) fn accept_rest(listener: &Listener, serve: impl FnMut(Fresh)) {
    if listener.is_lent() {
        return;
    }
    // Some engines' listeners block: the kernel waits at them.
    let unblocked = listener.set_nonblocking(true);
    let accepted = unblocked.and_then(|()| listener.accept_waiting(serve));
    if let Err(error) = accepted {
        log::warn!("connections that waited could not be accepted: {error}");
    }
    listener.shut();
}

/// Does what another shard, or the supervisor, has left in this shard's queue. Returns what `serve` has returned.
pub(crate) fn take_in<A: App, R>(
    host: &LocalHost<A>,
    arrival: Arrival<'_>,
    serve: impl FnOnce(Fresh) -> R,
) -> Option<R> {
    match arrival {
        Arrival::Connection(fresh, _on_its_way) => Some(serve(fresh)),
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
    use std::net::TcpStream;

    use super::*;
    use crate::connection_info::Address;
    use crate::net::bind::Bind;
    use crate::net::bound_address::bind_all;

    #[test]
    fn what_waits_is_accepted_and_then_nothing_more_even_where_the_listener_blocks() {
        let bound = bind_all(&[Bind::tcp("127.0.0.1", 0)], 1, 16).unwrap();
        let listener = bound[0].of_shard(0).try_clone().unwrap();
        let address = listener.address().unwrap().tcp().unwrap();
        listener.set_nonblocking(false).unwrap();
        let waiting = [(); 2].map(|()| TcpStream::connect(address).unwrap());
        let mut accepted = Vec::new();
        accept_rest(&listener, |fresh| accepted.push(fresh.info.peer));
        let expected = waiting.map(|client| Address::Tcp(client.local_addr().unwrap()));
        assert_eq!(accepted, expected);
        assert!(TcpStream::connect(address).is_err());
    }
}
