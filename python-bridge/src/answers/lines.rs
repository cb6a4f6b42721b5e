//! The header lines that say of which media type a body is. Knows no answers.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use turbo_shard_runtime::protocol::HeaderLines;

/// Which header lines go with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// None at all.
    None,
    /// `content-type: application/json`
    Json,
    /// `content-type: text/plain; charset=utf-8`
    Text,
    /// `content-type: application/octet-stream`
    Octets,
    /// Those in the buffers.
    Own,
}

impl Lines {
    /// The media type that stands for the body where the app names none.
    pub(crate) fn media_type(self) -> Option<&'static [u8]> {
        match self {
            Lines::Json => Some(b"application/json"),
            Lines::Text => Some(b"text/plain; charset=utf-8"),
            Lines::Octets => Some(b"application/octet-stream"),
            Lines::None | Lines::Own => None,
        }
    }
}

/// Lines that say the media type and nothing else.
pub(crate) fn lines_of(kind: Lines) -> HeaderLines {
    let mut lines = HeaderLines::new();
    push_media_type(&mut lines, kind).expect("our own media types are valid");
    lines
}

/// Adds the line that says the media type.
pub(crate) fn push_media_type(lines: &mut HeaderLines, kind: Lines) -> PyResult<()> {
    let media_type = kind.media_type().unwrap_or_default();
    lines
        .push(b"content-type", media_type)
        .map_err(|misuse| PyValueError::new_err(misuse.to_string()))
}
