//! How connections of a `uring` shard come from other shards and go to them. shard/hand_off.rs decides which shard
//! serves which.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;

use crate::engine::uring::shard::Shard;
use crate::service::App;
use crate::shard::accepting::take_in;
use crate::shard::hand_off::{Arrival, Fresh, Intake};

/// Takes things off the queue as they come. Never ends.
pub(crate) async fn fetch<'a>(intake: &'a Intake, arrived: &RefCell<VecDeque<Arrival<'a>>>) {
    loop {
        let next = intake.next().await;
        arrived.borrow_mut().push_back(next);
    }
}

impl<A: App> Shard<'_, A> {
    /// Does what another shard, or the supervisor, has left in the queue.
    pub(crate) fn take_in(&mut self, arrival: Arrival<'_>) -> io::Result<()> {
        take_in(self.host(), arrival, |stream, _| self.serve_arrived(stream)).unwrap_or(Ok(()))
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
