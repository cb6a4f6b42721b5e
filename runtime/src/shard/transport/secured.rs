//! A connection over TLS: what comes is decrypted for the conversation, what it writes is encrypted. Sans-IO, as its parent.
//!
//! ```text
//!  Greeting ──(handshake done)──► Open ──(the conversation ends: close_notify)──► Over
//!     │                            │
//!     └────(the peer's fault)──────┴──► Refused: the alert is sent, what still comes is swallowed
//! ```
//!
//! What was encrypted counts as sent for the conversation, as it does where an engine has copied it. So the time that the
//! peer takes to read it is kept here.

mod failure;
mod greeting;
mod sealing;
#[cfg(test)]
mod tests;

use std::io::BufRead;
use std::task::Waker;

use rustls::HandshakeKind;
use rustls::server::ServerConnection;
use turbo_shard_protocol::{Closing, SendBuffer, Tick};

use self::failure::Failure;
use self::greeting::{Greeting, note_crowd};
use crate::connection_info::ConnectionInfo;
use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::Conversation;
use crate::shard::workbench::Workbench;

/// Output is encrypted in pieces of this size, each a record, while less than [`SEALED_BYTES_HIGH`] wait.
const RECORD_BYTES: usize = 16 * 1024;
/// Worst case per connection: this, a record and what makes the conversation's own app wait.
const SEALED_BYTES_HIGH: usize = 64 * 1024;
/// An idle connection keeps a buffer of this size at most.
const IDLE_BUFFER_BYTES_MAX: usize = 512;

pub(crate) struct Secured {
    session: ServerConnection,
    /// Encrypted.
    output: SendBuffer,
    /// Since when it waits for the peer to read.
    write_since: Option<Tick>,
    write_timeout_ms: u64,
    stage: Stage,
}

enum Stage {
    Greeting(Box<Greeting>),
    Open {
        /// The peer has said that nothing more will come.
        has_eof: bool,
    },
    /// Nothing more is written; what waits in the output is still sent.
    Over,
    /// There is no way on.
    Refused {
        /// How long the peer, which may still be sending, is listened to.
        until: Tick,
        has_eof: bool,
    },
}

/// What came of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// They were taken in.
    Taken,
    /// They are a request that is not encrypted; nothing of it was taken.
    PlainHttp,
}

impl Secured {
    /// None where no handshake can begin: the connection must go.
    pub(super) fn new<S: Service>(
        bench: &Workbench<S>,
        info: ConnectionInfo,
        now: Tick,
    ) -> Option<Secured> {
        let tls = bench.tls.as_ref()?;
        let Some(place) = tls.place() else {
            note_crowd(bench, now, &info.peer);
            return None;
        };
        let session = tls.session().inspect_err(|error| {
            log::error!("a TLS session could not be begun: {error}");
        });
        Some(Secured {
            session: session.ok()?,
            output: SendBuffer::default(),
            write_since: None,
            write_timeout_ms: bench.limits.write_timeout_ms,
            stage: Stage::Greeting(Box::new(Greeting::new(tls, place, info, now))),
        })
    }

    /// The peer is answered 503, once it can read that.
    pub(super) fn refuse_overload(&mut self) {
        if let Stage::Greeting(greeting) = &mut self.stage {
            greeting.is_overload = true;
        }
    }

    pub(super) fn receive<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
        mut chunk: &[u8],
    ) -> Received {
        if let Stage::Greeting(greeting) = &mut self.stage
            && greeting.is_plain_http(chunk)
        {
            return Received::PlainHttp;
        }
        // A session that its peer has closed takes nothing more.
        while !chunk.is_empty() && self.takes_in() {
            let taken = self.session.read_tls(&mut chunk);
            let processed = self.session.process_new_packets();
            self.flush();
            let state = match (taken, processed) {
                (Ok(_), Ok(state)) => state,
                (_, Err(error)) => {
                    self.fail(above, bench, now, Failure::of(&error));
                    break;
                }
                (Err(_), Ok(_)) => {
                    self.fail(above, bench, now, Failure::too_long());
                    break;
                }
            };
            let is_drain_due = self.greet(above, bench, now);
            self.hand_over(above, bench, now);
            if is_drain_due {
                above.drain(now);
            }
            if state.peer_has_closed() {
                self.receive_eof(above, bench, now);
            }
        }
        self.settle(above, now);
        Received::Taken
    }

    fn takes_in(&self) -> bool {
        match self.stage {
            Stage::Greeting(_) => true,
            Stage::Open { has_eof } => !has_eof,
            Stage::Over | Stage::Refused { .. } => false,
        }
    }

    /// If the handshake is over, the conversation begins, as it was agreed on. Returns whether it must be told of a drain
    /// once it has what came along.
    fn greet<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
    ) -> bool {
        if self.session.is_handshaking() {
            return false;
        }
        let Stage::Greeting(greeting) = &self.stage else {
            return false;
        };
        let info = greeting.info_with(&self.session);
        let (is_overload, is_draining) = (greeting.is_overload, greeting.is_draining);
        bench.counters.tls_handshakes.add(1);
        if self.session.handshake_kind() == Some(HandshakeKind::Resumed) {
            bench.counters.tls_resumptions.add(1);
        }
        *above = Conversation::new(bench, info, now);
        if is_overload {
            above.refuse_overload(bench, now);
        }
        self.stage = Stage::Open { has_eof: false };
        is_draining
    }

    /// Hands over what has been decrypted, where it lies.
    fn hand_over<S: Service>(&mut self, above: &mut Conversation, bench: &Workbench<S>, now: Tick) {
        let mut reader = self.session.reader();
        while let Ok(bytes) = reader.fill_buf()
            && !bytes.is_empty()
        {
            above.receive(bench, now, bytes);
            let length = bytes.len();
            reader.consume(length);
        }
    }

    pub(super) fn receive_eof<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
    ) {
        match &mut self.stage {
            Stage::Greeting(greeting) => {
                greeting.note_leaving(bench);
                self.stage = Stage::Over;
            }
            Stage::Open { has_eof } => {
                if !std::mem::replace(has_eof, true) {
                    above.receive_eof(now);
                    self.settle(above, now);
                }
            }
            Stage::Over => {}
            Stage::Refused { has_eof, .. } => *has_eof = true,
        }
    }

    pub(super) fn advance<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
        waker: &Waker,
    ) -> Advance {
        if !matches!(self.stage, Stage::Open { .. }) {
            return Advance::Settled;
        }
        self.keep_from_idling(above, now);
        let advance = above.advance(bench, now, waker);
        self.settle(above, bench.latest(now));
        advance
    }

    pub(super) fn output(&self) -> &[u8] {
        self.output.unsent()
    }

    pub(super) fn consume_output(&mut self, above: &mut Conversation, now: Tick, n: usize) {
        self.output.consume(n);
        if n > 0 {
            self.write_since = None;
            above.output_leaves_late(now);
        }
        self.settle(above, now);
    }

    pub(super) fn swap_output(
        &mut self,
        above: &mut Conversation,
        now: Tick,
        buffer: &mut Vec<u8>,
    ) -> usize {
        let start = self.output.swap(buffer);
        self.write_since = None;
        self.settle(above, now);
        start
    }

    pub(super) fn output_leaves_late(&mut self, above: &mut Conversation, now: Tick) {
        // What was swapped away moves on: the peer reads, and what waits here waits behind that.
        self.write_since = self.write_since.map(|_| now);
        if matches!(self.stage, Stage::Open { .. }) {
            above.output_leaves_late(now);
        }
    }

    pub(super) fn wants_read(&self, above: &Conversation) -> bool {
        match self.stage {
            Stage::Greeting(_) => true,
            Stage::Open { .. } => above.wants_read(),
            Stage::Over => false,
            Stage::Refused { has_eof, .. } => !has_eof,
        }
    }

    pub(super) fn closing(&self, above: &Conversation) -> Closing {
        let after_output = match self.output.unsent().is_empty() {
            true => Closing::Now,
            false => Closing::AfterOutput { linger: false },
        };
        match self.stage {
            Stage::Greeting(_) => Closing::Open,
            Stage::Open { .. } => match above.closing() {
                Closing::Now => after_output,
                closing => closing,
            },
            Stage::Over | Stage::Refused { has_eof: true, .. } => after_output,
            Stage::Refused { .. } => Closing::AfterOutput { linger: true },
        }
    }

    pub(super) fn next_deadline(&self, above: &Conversation) -> Option<Tick> {
        let of_stage = match &self.stage {
            Stage::Greeting(greeting) => Some(greeting.deadline),
            Stage::Open { .. } => above.next_deadline(),
            Stage::Over => None,
            Stage::Refused { until, .. } => Some(*until),
        };
        let to_read = self.write_deadline();
        [of_stage, to_read].into_iter().flatten().min()
    }

    /// Returns whether the connection must go at once.
    pub(super) fn expire<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
    ) -> bool {
        if self
            .write_deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            bench.counters.timeouts_write.add(1);
            return true;
        }
        match &self.stage {
            Stage::Greeting(greeting) => greeting.expire(bench, now),
            Stage::Over => false,
            Stage::Refused { until, .. } => *until <= now,
            Stage::Open { .. } => {
                self.keep_from_idling(above, now);
                let is_over = above.expire(bench, now);
                let is_whole = self.output.unsent().is_empty() && above.ends_whole();
                if is_over && is_whole {
                    self.say_goodbye(true);
                    self.stage = Stage::Over;
                }
                self.settle(above, now);
                is_over && !is_whole
            }
        }
    }

    pub(super) fn drain(&mut self, above: &mut Conversation, now: Tick) {
        match &mut self.stage {
            Stage::Greeting(greeting) if greeting.has_begun => greeting.is_draining = true,
            Stage::Greeting(_) => self.stage = Stage::Over,
            Stage::Open { .. } => {
                above.drain(now);
                self.settle(above, now);
            }
            Stage::Over | Stage::Refused { .. } => {}
        }
    }

    pub(super) fn rest<S: Service>(&mut self, above: &mut Conversation, bench: &Workbench<S>) {
        if self.output.unsent().is_empty() && self.output.capacity() > IDLE_BUFFER_BYTES_MAX {
            self.output = SendBuffer::default();
        }
        above.rest(bench);
    }
}
