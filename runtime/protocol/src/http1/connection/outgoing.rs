//! The bytes of a connection that wait to be sent, as the owner of its socket sees them. Knows no sockets.

use super::{Connection, lent};
use crate::http1::lifecycle::Phase;
use crate::tick::Tick;

impl Connection {
    /// The bytes to send.
    #[inline]
    pub fn output(&self) -> &[u8] {
        match &self.workspace {
            Some(workspace) => workspace.output.unsent(),
            None => &[],
        }
    }

    /// The socket took `n` bytes of [`output`](Connection::output). Report 0 as well: it starts the clock of a peer
    /// that does not read.
    ///
    /// # Panics
    /// If there are fewer than `n` bytes.
    pub fn consume_output(&mut self, now: Tick, n: usize) {
        if n > 0 {
            lent(&mut self.workspace).output.consume(n);
            self.note_sent(now);
        }
        self.note_time(now);
    }

    /// Takes all output away with its memory, and leaves an empty buffer: a caller that sends without a copy counts it
    /// as sent. Returns where the output begins in the buffer.
    ///
    /// # Panics
    /// Without a workspace.
    pub fn swap_output(&mut self, now: Tick, buffer: &mut Vec<u8>) -> usize {
        let start = lent(&mut self.workspace).output.swap(buffer);
        self.note_sent(now);
        self.note_time(now);
        start
    }

    /// Output that was counted as sent before is leaving only now: a peer that is silent meanwhile is not idle but
    /// reading, and it has not refused the next output yet.
    pub fn output_leaves_late(&mut self, now: Tick) {
        self.note_sent(now);
        self.note_time(now);
    }

    /// The status of the latest request's answer, if its head was written.
    pub fn answer_status(&self) -> Option<u16> {
        Some(self.answer.status).filter(|status| *status != 0)
    }

    /// Bytes of that answer's body that were written, without framing.
    pub fn answer_body_bytes(&self) -> u64 {
        let workspace = self.workspace.as_ref();
        workspace.map_or(0, |workspace| workspace.body_bytes_written)
    }

    /// Some output has left.
    fn note_sent(&mut self, now: Tick) {
        self.write_since = None;
        self.half_closed_since = self.half_closed_since.map(|_| now);
        if matches!(self.phase, Phase::Closing { .. } | Phase::Idle) && self.output().is_empty() {
            self.phase_since = now;
        }
    }
}
