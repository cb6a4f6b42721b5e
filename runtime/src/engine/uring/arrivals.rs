//! How connections of a `uring` shard come from other shards and go to them. shard/hand_off.rs decides which shard
//! serves which.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;

use crate::engine::uring::shard::Shard;
use crate::net::listener::Fresh;
use crate::service::App;
use crate::shard::accepting::take_in;
use crate::shard::hand_off::{Arrival, Intake};

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
        take_in(self.host(), arrival, |fresh| self.serve_arrived(fresh)).unwrap_or(Ok(()))
    }

    /// From here on other shards keep what they accept; this one serves what they have handed over.
    pub(crate) fn close_intake(&mut self) -> io::Result<()> {
        let mut served = Ok(());
        self.intake.close(|fresh| {
            let now = self.serve_arrived(fresh);
            served = std::mem::replace(&mut served, Ok(())).and(now);
        });
        served
    }

    /// Others hand over non-blocking sockets, which here would say "nothing there" instead of waiting.
    pub(crate) fn serve_arrived(&mut self, fresh: Fresh) -> io::Result<()> {
        match fresh.socket.set_nonblocking(false) {
            Ok(()) => self.serve(fresh),
            Err(error) => {
                log::error!("a connection that was handed over cannot be served: {error}");
                Ok(())
            }
        }
    }

    /// Serves a connection that was accepted here, or hands it to a shard that has less to do.
    pub(crate) fn place(&mut self, fresh: Fresh) -> io::Result<()> {
        let Some(target) = self.intake.other_target() else {
            return self.serve(fresh);
        };
        if let Err(error) = fresh.socket.set_nonblocking(true) {
            let peer = fresh.info.peer;
            log::error!("the connection of {peer} could not be handed over: {error}");
            return Ok(());
        }
        match self.intake.hand_over(target, fresh) {
            Ok(()) => Ok(()),
            Err(fresh) => self.serve_arrived(fresh),
        }
    }
}
