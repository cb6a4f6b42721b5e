//! The way down of a TLS connection: what the conversation has written is encrypted, and a goodbye follows it. Knows no
//! handshake.

use std::io::Write;

use turbo_shard_protocol::{Closing, Tick};

use super::failure::Failure;
use super::{RECORD_BYTES, SEALED_BYTES_HIGH, Secured, Stage};
use crate::service::Service;
use crate::shard::conversation::Conversation;
use crate::shard::workbench::Workbench;

impl Secured {
    /// Encrypts what the conversation has written, and says goodbye behind the last of it. Call after whatever may have
    /// changed either.
    pub(super) fn settle(&mut self, above: &mut Conversation, now: Tick) {
        if let Stage::Open { .. } = self.stage {
            while self.output.unsent().len() < SEALED_BYTES_HIGH && !above.output().is_empty() {
                let plain = above.output();
                let length = plain.len().min(RECORD_BYTES);
                // Into memory, where there is room: all of it is taken.
                let sealed = self.session.writer().write(&plain[..length]).unwrap_or(0);
                self.flush();
                if sealed == 0 {
                    self.stage = Stage::Over;
                    break;
                }
                above.consume_output(now, sealed);
            }
            if above.closing() != Closing::Open && above.output().is_empty() {
                let lingers = above.closing() == Closing::AfterOutput { linger: true };
                self.say_goodbye(above.ends_whole());
                if !lingers {
                    self.stage = Stage::Over;
                }
            }
        }
        if self.output.unsent().is_empty() {
            self.write_since = None;
        } else {
            self.write_since.get_or_insert(now);
        }
    }

    /// There is no way on: the peer is told why, if it still listens.
    #[cold]
    pub(super) fn fail<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
        failure: Failure,
    ) {
        match &self.stage {
            Stage::Greeting(greeting) => greeting.note_failure(bench, now, &failure),
            // The app hears of it.
            Stage::Open { .. } => above.receive_eof(now),
            Stage::Over | Stage::Refused { .. } => {}
        }
        self.stage = Stage::Refused {
            until: now.after_ms(bench.limits.linger_timeout_ms),
            has_eof: false,
        };
    }

    /// A peer that hears this knows that nothing was cut off.
    pub(super) fn say_goodbye(&mut self, is_whole: bool) {
        if is_whole {
            self.session.send_close_notify();
            self.flush();
        }
    }

    /// Takes over what the session has to send.
    pub(super) fn flush(&mut self) {
        while self.session.wants_write() {
            // Into memory: it never fails.
            let _ = self.session.write_tls(self.output.tail());
        }
    }

    /// What was encrypted counts as sent for the conversation, which must not take its peer for idle while it waits here.
    pub(super) fn keep_from_idling(&self, above: &mut Conversation, now: Tick) {
        if !self.output.unsent().is_empty() {
            above.output_leaves_late(now);
        }
    }

    pub(super) fn write_deadline(&self) -> Option<Tick> {
        self.write_since
            .map(|since| since.after_ms(self.write_timeout_ms))
    }
}
