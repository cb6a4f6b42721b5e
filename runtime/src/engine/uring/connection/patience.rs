//! When the time of a connection of a `uring` shard is over, and when it hears that its shard drains: both only once
//! the kernel has nothing more from its peer. Moves no bytes.

use std::os::fd::AsRawFd;

use turbo_shard_protocol::{Closing, Tick};

use super::{Connection, Turned};
use crate::engine::connection_life::Verdict;
use crate::engine::uring::operations::Operations;
use crate::net::listener::address_of;
use crate::net::sockets::{is_heard_out, polls_readable};
use crate::shard::host::Host;

impl Connection {
    /// By when the peer must have taken what the driver believes to be sent.
    pub(super) fn told_send_deadline(&self, write_timeout_ms: u64) -> Option<Tick> {
        let sending = self.sending.as_ref().filter(|sending| sending.is_told)?;
        Some(sending.since.after_ms(write_timeout_ms))
    }

    /// Tells the driver of the drain once all that has arrived was read and gets its answer.
    pub(super) fn hear_of_drain(&mut self, operations: &mut Operations, now: Tick) -> Turned {
        let Some(life) = &mut self.life else {
            return Turned::Waits;
        };
        // The call may let the kernel receive, so completions are looked for after it.
        if polls_readable(self.socket.as_raw_fd()) {
            return Turned::Waits;
        }
        if operations.has_news() {
            return Turned::Again;
        }
        life.tell_drain(now);
        if life.driver.closing() == Closing::Now && self.sending.is_none() {
            return Turned::Ends;
        }
        // A WebSocket says goodbye.
        if life.driver.output().is_empty() {
            Turned::Waits
        } else {
            Turned::Again
        }
    }

    /// All reads and sends have been asked for.
    pub(super) fn judge<H: Host>(
        &mut self,
        host: &H,
        operations: &mut Operations,
        now: Tick,
        engine_deadline: Option<Tick>,
        is_settled: bool,
        reads: bool,
    ) -> Verdict {
        let Some(life) = &mut self.life else {
            return Verdict::InTime;
        };
        let (socket, is_sending) = (self.socket.as_raw_fd(), self.sending.is_some());
        let verdict = life.judge(host, now, engine_deadline, |_| {
            // The call may let the kernel receive and send, so completions are looked for after it.
            is_settled && is_heard_out(socket, reads, is_sending) && !operations.has_news()
        });
        if verdict == Verdict::End
            && engine_deadline.is_some_and(|deadline| now >= deadline)
            && host.bench().peer_log.pass(now)
            && let Ok(peer) = self.socket.peer_addr().map(|name| address_of(&name))
        {
            log::info!("{peer} did not read its answer in time and was cut off");
        }
        verdict
    }
}
