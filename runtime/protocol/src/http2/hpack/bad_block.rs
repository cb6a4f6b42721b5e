//! What is wrong with a block of HPACK.

/// A block that cannot be read. The two sides no longer agree about the table: a connection error of COMPRESSION_ERROR
/// (RFC 9113 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadBlock;
