//! The content codings that there are here (RFC 9110 section 8.4.1). Plain values.

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

impl ContentCoding {
    /// Each of them, by how small it usually makes a file that was compressed ahead of time.
    pub(crate) const ALL: [ContentCoding; 3] = [
        ContentCoding::Brotli,
        ContentCoding::Zstd,
        ContentCoding::Gzip,
    ];

    /// Its place in [`ALL`](ContentCoding::ALL).
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Its name in `accept-encoding` and `content-encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ContentCoding::Brotli => "br",
            ContentCoding::Zstd => "zstd",
            ContentCoding::Gzip => "gzip",
        }
    }

    /// What the name of a compressed file has at its end.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            ContentCoding::Brotli => ".br",
            ContentCoding::Zstd => ".zst",
            ContentCoding::Gzip => ".gz",
        }
    }
}
