//! Content codings: which one a client takes, and bodies compressed on their way. Knows no writer and no connection.
//!
//! `accepted` reads what clients say, `rules` which answers are compressed, `encoder` is one body's state, and `compression` how
//! far one exchange has come.

mod accepted;
mod compression;
mod content_coding;
mod encoder;
mod rules;

pub(crate) use accepted::Accepted;
pub(crate) use compression::{Compression, PIECE_BYTES};
pub(crate) use content_coding::ContentCoding;
pub use encoder::CompressionLevel;
pub use rules::CompressionRules;
pub(crate) use rules::Decision;
