//! Copies of a request's byte strings, and how they become Python text. Does not know what the pieces mean.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Byte strings, one after another in one allocation.
pub(crate) struct Pieces {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Pieces {
    pub(crate) fn with_capacity(bytes: usize, pieces: usize) -> Pieces {
        Pieces {
            bytes: Vec::with_capacity(bytes),
            ends: Vec::with_capacity(pieces),
        }
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        // A head is far smaller than 4 GiB (HEAD_BYTES_CEILING).
        self.ends.push(self.bytes.len() as u32);
    }

    pub(crate) fn piece(&self, index: usize) -> &[u8] {
        let start = if index == 0 {
            0
        } else {
            self.ends[index - 1] as usize
        };
        &self.bytes[start..self.ends[index] as usize]
    }

    /// Pieces in pairs, from `first` on.
    pub(crate) fn pairs(&self, first: usize, count: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
        let firsts = (first..self.ends.len()).step_by(2).take(count);
        firsts.map(|index| (self.piece(index), self.piece(index + 1)))
    }
}

/// Text with one character per byte.
pub(crate) fn latin1<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    // SAFETY: called attached, with a pointer to that many bytes, which are copied; null comes with an exception set,
    // anything else is a new reference to a str.
    unsafe {
        let text = ffi::PyUnicode_DecodeLatin1(
            bytes.as_ptr().cast(),
            bytes.len() as ffi::Py_ssize_t,
            std::ptr::null(),
        );
        Ok(Bound::from_owned_ptr_or_err(py, text)?.cast_into_unchecked())
    }
}
