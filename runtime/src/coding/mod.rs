//! Content codings: which one a client takes. Knows no bodies.

mod accepted;
mod content_coding;

pub(crate) use accepted::Accepted;
pub(crate) use content_coding::ContentCoding;
