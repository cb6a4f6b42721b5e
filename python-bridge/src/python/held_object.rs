//! Python bytes that the runtime sends from where they are. Knows no requests.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use turbo_shard_runtime::HeldBytes;

use super::thread::Owned;

/// From this size on a copy of the whole costs more than the turns that copying it bit by bit takes.
const HELD_BYTES_MIN: usize = 256 * 1024;

/// The bytes of a body, if holding them is better than copying.
#[inline]
pub(crate) fn worth_holding<'a, 'py>(
    body: &'a Bound<'py, PyAny>,
) -> Option<&'a Bound<'py, PyBytes>> {
    let bytes = body.cast_exact::<PyBytes>().ok()?;
    (bytes.as_bytes().len() >= HELD_BYTES_MIN).then_some(bytes)
}

/// Holds them.
pub(crate) fn hold(bytes: &Bound<'_, PyBytes>) -> HeldBytes {
    let data = bytes.as_bytes();
    HeldBytes::new(HeldObject {
        start: data.as_ptr(),
        length: data.len(),
        _object: Owned::new(bytes.clone().unbind()),
    })
}

struct HeldObject {
    start: *const u8,
    length: usize,
    /// Attaches for its drop, on any thread.
    _object: Owned<PyBytes>,
}

// SAFETY: the pointer is only read through, and what it points to never changes (see below).
unsafe impl Send for HeldObject {}

impl AsRef<[u8]> for HeldObject {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: both describe the data of a bytes object, which Python neither moves nor changes while `_object` keeps
        // it alive; reading it needs no attached thread.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}
