//! Compresses one body, piece by piece. Knows no answers and no header lines.

use std::io::{self, Write};

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use flate2::Compression as GzipLevel;
use flate2::write::GzEncoder;
use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder as ZstdEncoder;

use crate::coding::content_coding::ContentCoding;

/// How far back matches are looked for, as a power of two: 256 KiB. More would cost memory on every stream for little: most
/// bodies are smaller.
const WINDOW_LOG: u32 = 18;
/// What brotli takes in before it writes.
const BROTLI_INPUT_BYTES: usize = 16 * 1024;

/// What is weighed against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionLevel {
    /// As many bytes a second as there is any sense in.
    Fast,
    /// A little more time for a little less size.
    Balanced,
    /// What a patient server may do: several times the time.
    Small,
}

impl CompressionLevel {
    fn of(self, coding: ContentCoding) -> i32 {
        match (coding, self) {
            (ContentCoding::Brotli, CompressionLevel::Fast) => 1,
            (ContentCoding::Brotli, CompressionLevel::Balanced) => 4,
            (ContentCoding::Brotli, CompressionLevel::Small) => 6,
            (ContentCoding::Zstd, CompressionLevel::Fast) => 1,
            (ContentCoding::Zstd, CompressionLevel::Balanced) => 3,
            (ContentCoding::Zstd, CompressionLevel::Small) => 9,
            (ContentCoding::Gzip, CompressionLevel::Fast) => 1,
            (ContentCoding::Gzip, CompressionLevel::Balanced) => 4,
            (ContentCoding::Gzip, CompressionLevel::Small) => 6,
        }
    }
}

/// The state of one body.
pub(crate) struct Encoder {
    kind: Kind,
}

/// One arm for each coding. All write into memory, which is taken out after each piece.
enum Kind {
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

impl Encoder {
    /// `length_hint` is the body's length, if it is known.
    pub(crate) fn new(
        coding: ContentCoding,
        level: CompressionLevel,
        length_hint: Option<u64>,
    ) -> io::Result<Encoder> {
        let level = level.of(coding);
        let kind = match coding {
            ContentCoding::Brotli => Kind::Brotli(Box::new(brotli(level, length_hint))),
            ContentCoding::Zstd => {
                let mut encoder = ZstdEncoder::new(Vec::new(), level)?;
                encoder.set_parameter(CParameter::WindowLog(window_log(length_hint)))?;
                Kind::Zstd(encoder)
            }
            ContentCoding::Gzip => {
                let level = GzipLevel::new(level.unsigned_abs());
                Kind::Gzip(Box::new(GzEncoder::new(Vec::new(), level)))
            }
        };
        Ok(Encoder { kind })
    }

    /// Takes in a piece and returns what is ready of the compressed body. With `flushes`, the client can read all of the piece
    /// by then.
    pub(crate) fn write(&mut self, piece: &[u8], flushes: bool) -> io::Result<Vec<u8>> {
        match &mut self.kind {
            Kind::Brotli(writer) => {
                put(writer.as_mut(), piece, flushes)?;
                Ok(std::mem::take(writer.get_mut()))
            }
            Kind::Zstd(writer) => {
                put(writer, piece, flushes)?;
                Ok(std::mem::take(writer.get_mut()))
            }
            Kind::Gzip(writer) => {
                put(writer.as_mut(), piece, flushes)?;
                Ok(std::mem::take(writer.get_mut()))
            }
        }
    }

    /// The end of the compressed body.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self.kind {
            Kind::Brotli(writer) => Ok(writer.into_inner()),
            Kind::Zstd(writer) => writer.finish(),
            Kind::Gzip(writer) => writer.finish(),
        }
    }
}

fn put(writer: &mut impl Write, piece: &[u8], flushes: bool) -> io::Result<()> {
    writer.write_all(piece)?;
    match flushes {
        true => writer.flush(),
        false => Ok(()),
    }
}

fn brotli(level: i32, length_hint: Option<u64>) -> CompressorWriter<Vec<u8>> {
    let parameters = BrotliEncoderParams {
        quality: level,
        lgwin: window_log(length_hint) as i32,
        size_hint: length_hint.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX)),
        ..BrotliEncoderParams::default()
    };
    CompressorWriter::with_params(Vec::new(), BROTLI_INPUT_BYTES, &parameters)
}

/// No larger than the body, and at least what both formats have (RFC 7932 section 9.1).
fn window_log(length_hint: Option<u64>) -> u32 {
    let needed = length_hint.map_or(WINDOW_LOG, |length| length.max(1).ilog2() + 1);
    needed.clamp(12, WINDOW_LOG)
}

#[cfg(test)]
#[path = "encoder_tests.rs"]
mod tests;
