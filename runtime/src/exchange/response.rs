//! The place for an answer, whatever version of HTTP its connection speaks. Knows neither the connection nor the app.

use turbo_shard_protocol::{BodyLength, HeaderLines, Misuse};

use crate::coding::Compression;
use crate::exchange::compressed_answer as compressed;
use crate::exchange::writer::Writer;

/// The body, in JSON, of a 500 that says no more than that.
pub const INTERNAL_ERROR_BODY: &[u8] = br#"{"detail":"Internal Server Error"}"#;

/// Writes the answer of one exchange. Every method either writes everything or returns a [`Misuse`] and writes nothing.
///
/// An answer that has no body by its status, or by the method of its request, stays without one: what an app gives as
/// the body is swallowed, because frameworks give one.
pub struct Response<'a> {
    writer: Writer<'a>,
    /// Where bodies are compressed.
    compression: Option<&'a mut Compression>,
}

impl<'a> Response<'a> {
    #[inline]
    pub(crate) fn new(
        writer: Writer<'a>,
        compression: Option<&'a mut Compression>,
    ) -> Response<'a> {
        Response {
            writer,
            compression,
        }
    }

    /// Head and body in one go: the fast path.
    ///
    /// A `content-length` among the lines must be the body's, except in an answer to `HEAD`, where it says what `GET`
    /// would have got. An answer to `HEAD` without body and without `content-length` goes out without the latter.
    #[inline]
    pub fn whole(&mut self, status: u16, lines: &HeaderLines, body: &[u8]) -> Result<(), Misuse> {
        match &mut self.compression {
            None => self.writer.whole(status, lines, body),
            Some(compression) => {
                compressed::whole(&mut self.writer, compression, status, lines, body)
            }
        }
    }

    /// The head of a streamed answer.
    #[inline]
    pub fn start(
        &mut self,
        status: u16,
        lines: &HeaderLines,
        length: BodyLength,
    ) -> Result<(), Misuse> {
        match &mut self.compression {
            None => self.writer.start(status, lines, length),
            Some(compression) => {
                compressed::start(&mut self.writer, compression, status, lines, length)
            }
        }
    }

    /// A piece of the body. After [`Misuse::BodyTooLong`] the piece was not written and the answer can go on.
    #[inline]
    pub fn chunk(&mut self, data: &[u8]) -> Result<(), Misuse> {
        match &mut self.compression {
            Some(compression) if compression.is_coding() => {
                compressed::chunk(&mut self.writer, compression, data)
            }
            _ => self.writer.chunk(data),
        }
    }

    /// The end of the body. After [`Misuse::BodyTooShort`] the peer waits for bytes that will never come: the answer is
    /// cut.
    #[inline]
    pub fn end(&mut self) -> Result<(), Misuse> {
        match &mut self.compression {
            Some(compression) if compression.is_coding() => {
                compressed::end(&mut self.writer, compression, None)
            }
            _ => self.writer.end(),
        }
    }

    /// As [`end`](Response::end), with a trailer section (RFC 9110 section 6.5). It is dropped where the answer has no room
    /// for one, as any recipient may do.
    #[inline]
    pub fn end_with_trailers(&mut self, trailers: &HeaderLines) -> Result<(), Misuse> {
        match &mut self.compression {
            Some(compression) if compression.is_coding() => {
                compressed::end(&mut self.writer, compression, Some(trailers.clone()))
            }
            _ => self.writer.end_with_trailers(trailers),
        }
    }

    /// Compresses and writes the next of what was given before.
    pub(crate) fn go_on(&mut self) -> Result<(), Misuse> {
        match &mut self.compression {
            Some(compression) => compressed::go_on(&mut self.writer, compression),
            None => Ok(()),
        }
    }

    /// An interim answer, 102 to 199 but not 101 (RFC 9110 section 15.2); `100 Continue` is the server's. Silently
    /// skipped for a peer that cannot read it.
    #[inline]
    pub fn interim(&mut self, status: u16, lines: &HeaderLines) -> Result<(), Misuse> {
        self.writer.interim(status, lines)
    }

    /// The head of the final answer has been written, or nothing can be written any more.
    #[inline]
    pub fn is_started(&self) -> bool {
        self.writer.is_started()
    }

    /// The whole answer has been given, or nothing can be written any more. What is to be compressed of it may follow.
    #[inline]
    pub fn is_finished(&self) -> bool {
        let is_ending = |compression: &&mut Compression| compression.is_ending();
        self.writer.is_finished() || self.compression.as_ref().is_some_and(is_ending)
    }
}
