//! A large piece of an answer's body, which is not copied as a whole: the app's own bytes are held, and handed over bit by
//! bit as the peer reads. Its `send()` waits meanwhile, unless it is the last.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use turbo_shard_runtime::REPLY_QUEUED_BYTES_HIGH;

use super::http_cycle::{HttpCycle, State};

/// From here on a copy of the whole costs more than the turns of the loop that handing it over in bits takes.
const LARGE_BODY_BYTES: usize = 256 * 1024;
/// Handed over at once: what makes a sender wait.
const BIT_BYTES: usize = REPLY_QUEUED_BYTES_HIGH;

/// The bytes, and how many of them have been handed over.
pub(super) struct LargeBody {
    bytes: Py<PyBytes>,
    sent: usize,
    /// The cycle that sends it, of which the connection's listener holds nothing, until it is sent or its peer has left.
    keeper: Option<Arc<HttpCycle>>,
}

/// The bytes of a piece, if they are to be held rather than copied.
#[inline]
pub(super) fn large<'a, 'py>(
    body: Option<&'a Bound<'py, PyAny>>,
) -> Option<&'a Bound<'py, PyBytes>> {
    let bytes = body?.cast_exact::<PyBytes>().ok()?;
    (bytes.as_bytes().len() >= LARGE_BODY_BYTES).then_some(bytes)
}

impl HttpCycle {
    /// Takes a large piece. Returns whether its `send()` has to wait.
    pub(super) fn send_large(
        self: &Arc<Self>,
        kind: &Bound<'_, PyString>,
        bytes: &Bound<'_, PyBytes>,
        more: bool,
    ) -> PyResult<bool> {
        let py = bytes.py();
        let length = bytes.as_bytes().len();
        self.tell(py, kind, |answer| answer.begin_large(length, more))?;
        let mut state = self.state();
        if state.answer.holds_large() {
            state.large = Some(LargeBody {
                bytes: bytes.clone().unbind(),
                sent: 0,
                keeper: None,
            });
            state.pump(py);
        }
        if let Some(large) = &mut state.large
            && !more
        {
            // Who has sent the last piece waits for nobody: the rest goes out though the app may have ended.
            large.keeper = Some(Arc::clone(self));
            return Ok(false);
        }
        Ok(state.answer.lacks_room())
    }
}

impl State {
    /// Hands over what there is room for.
    pub(super) fn pump(&mut self, py: Python<'_>) {
        while self.large.is_some() && self.answer.takes_bits() {
            self.hand_over(py, BIT_BYTES);
        }
    }

    /// Hands over all of it, because something comes behind it, or because the app's call has ended.
    pub(super) fn flush_large(&mut self, py: Python<'_>) {
        if self.large.is_some() {
            self.hand_over(py, usize::MAX);
        }
    }

    fn hand_over(&mut self, py: Python<'_>, bytes_max: usize) {
        let Some(large) = &mut self.large else { return };
        let rest = &large.bytes.bind(py).as_bytes()[large.sent..];
        let bit = &rest[..rest.len().min(bytes_max)];
        self.answer.send_bit(bit);
        large.sent += bit.len();
        if bit.len() == rest.len() {
            self.large = None;
            self.answer.end_large();
        }
    }
}
