//! How connections of a `uring` shard come from other shards and go to them. shard/hand_off.rs decides which shard
//! serves which.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;

use crate::engine::uring::shard::Shard;
use crate::service::App;
use crate::shard::hand_off::{Arrival, Fresh, Intake, TakingIn};

/// What has been taken off the queue. A connection is on its way until it is served, or dropped with its shard.
pub(crate) enum Arrived<'a> {
    Connection(Fresh, TakingIn<'a>),
    SendAway(u32),
}

/// Takes things off the queue as they come. Never ends.
pub(crate) async fn fetch<'a>(intake: &'a Intake, arrived: &RefCell<VecDeque<Arrived<'a>>>) {
    loop {
        let next = match intake.next().await {
            Arrival::Connection(fresh) => Arrived::Connection(fresh, intake.taking_in()),
            Arrival::SendAway(clients) => Arrived::SendAway(clients),
        };
        arrived.borrow_mut().push_back(next);
    }
}

impl<A: App> Shard<'_, A> {
    /// Does what another shard, or the supervisor, has left in the queue.
    pub(crate) fn take_in(&mut self, arrived: Arrived<'_>) -> io::Result<()> {
        match arrived {
            Arrived::Connection(Fresh { stream, peer: _ }, _taking_in) => {
                self.serve_arrived(stream)
            }
            Arrived::SendAway(clients) => {
                self.host().bench.send_away.set(clients);
                Ok(())
            }
        }
    }

    /// From here on other shards keep what they accept; this one serves what they have handed over.
    pub(crate) fn close_intake(&mut self) -> io::Result<()> {
        let mut served = Ok(());
        self.intake.close(|stream, _| {
            let now = self.serve_arrived(stream);
            served = std::mem::replace(&mut served, Ok(())).and(now);
        });
        served
    }

    /// Others hand over non-blocking sockets, which here would say "nothing there" instead of waiting.
    fn serve_arrived(&mut self, stream: TcpStream) -> io::Result<()> {
        match stream.set_nonblocking(false) {
            Ok(()) => self.serve(stream),
            Err(error) => {
                log::error!("a connection that was handed over cannot be served: {error}");
                Ok(())
            }
        }
    }

    /// Serves a connection that was accepted here, or hands it to a shard that has less to do.
    pub(crate) fn place(&mut self, stream: TcpStream) -> io::Result<()> {
        let Some(target) = self.intake.other_target() else {
            return self.serve(stream);
        };
        let Ok(peer) = stream.peer_addr() else {
            return Ok(()); // has left already
        };
        if let Err(error) = stream.set_nonblocking(true) {
            log::error!("the connection of {peer} could not be handed over: {error}");
            return Ok(());
        }
        match self.intake.hand_over(target, Fresh { stream, peer }) {
            Ok(()) => Ok(()),
            Err(Fresh { stream, .. }) => self.serve_arrived(stream),
        }
    }
}
