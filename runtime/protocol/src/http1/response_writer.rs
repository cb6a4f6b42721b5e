//! Writes one answer into the output buffer. Knows no connection beyond that.

use crate::answer_length::{AnswerLength, BodyLength};
use crate::header_list::HeaderLines;
use crate::http1::answer::Answer;
use crate::http1::body_encoder::BodyEncoder;
use crate::http1::response_head::{write_content_length, write_status_line};
use crate::misuse::{AnswerStage, AnswerStep, Misuse};
use crate::request_line::Version;
use crate::server_lines::{Recipient, ServerLines};

/// Writes the answer of the exchange in flight. Every method either writes everything or returns a [`Misuse`] and
/// writes nothing.
///
/// Statuses without a body (RFC 9110 section 15.3.5, 15.3.6, 15.4.5) stay without one: the writer swallows what an app
/// gives as the body of a 204, a 205, a 304 or an answer to `HEAD`, because frameworks give one and the peer would take
/// it for the next answer.
pub struct ResponseWriter<'a> {
    answer: &'a mut Answer,
    output: &'a mut Vec<u8>,
    body_bytes_written: &'a mut u64,
    server_lines: &'a ServerLines,
    /// Nothing on our side forbids another request after this one.
    may_persist: bool,
}

/// Room for what the server adds to an app's header lines.
const OWN_LINES_BYTES: usize = 256;

impl<'a> ResponseWriter<'a> {
    #[inline]
    pub(crate) fn new(
        answer: &'a mut Answer,
        output: &'a mut Vec<u8>,
        body_bytes_written: &'a mut u64,
        server_lines: &'a ServerLines,
        may_persist: bool,
    ) -> ResponseWriter<'a> {
        ResponseWriter {
            answer,
            output,
            body_bytes_written,
            server_lines,
            may_persist,
        }
    }

    /// Head and body in one go: the fast path.
    ///
    /// A `content-length` among the lines must be the body's, except in an answer to `HEAD`, where it says what `GET`
    /// would have got. An answer to `HEAD` without body and without `content-length` goes out without the latter.
    pub fn whole(&mut self, status: u16, lines: &HeaderLines, body: &[u8]) -> Result<(), Misuse> {
        let stage = self.answer.stage.after(AnswerStep::Whole)?;
        let framing = self.framing(status, lines, BodyLength::Known(body.len() as u64))?;
        self.output
            .reserve(OWN_LINES_BYTES + lines.as_bytes().len() + body.len());
        self.write_head(status, lines, framing);
        if framing.encoder != BodyEncoder::Silent {
            self.output.extend_from_slice(body);
            *self.body_bytes_written = body.len() as u64;
        }
        self.answer.stage = stage;
        Ok(())
    }

    /// The head of a streamed answer.
    pub fn start(
        &mut self,
        status: u16,
        lines: &HeaderLines,
        length: BodyLength,
    ) -> Result<(), Misuse> {
        let stage = self.answer.stage.after(AnswerStep::Start)?;
        let framing = self.framing(status, lines, length)?;
        self.output
            .reserve(OWN_LINES_BYTES + lines.as_bytes().len());
        self.write_head(status, lines, framing);
        self.answer.encoder = framing.encoder;
        self.answer.stage = stage;
        Ok(())
    }

    /// A piece of the body. After [`Misuse::BodyTooLong`] the piece was not written and the answer can go on.
    pub fn chunk(&mut self, data: &[u8]) -> Result<(), Misuse> {
        self.answer.stage = self.answer.stage.after(AnswerStep::Chunk)?;
        self.answer.encoder.write(data, self.output)?;
        if self.answer.encoder != BodyEncoder::Silent {
            *self.body_bytes_written += data.len() as u64;
        }
        Ok(())
    }

    /// The end of the body. After [`Misuse::BodyTooShort`] the peer waits for bytes that will never come: the answer is
    /// cut and the connection ends.
    pub fn end(&mut self) -> Result<(), Misuse> {
        self.end_with(&[])
    }

    /// As [`end`](ResponseWriter::end), with a trailer section (RFC 9110 section 6.5). Only a chunked body has room for
    /// one; elsewhere it is dropped, as any recipient may do.
    pub fn end_with_trailers(&mut self, trailers: &HeaderLines) -> Result<(), Misuse> {
        self.end_with(trailers.as_bytes())
    }

    fn end_with(&mut self, trailers: &[u8]) -> Result<(), Misuse> {
        let stage = self.answer.stage.after(AnswerStep::End)?;
        let ended = self.answer.encoder.end(trailers, self.output);
        self.answer.stage = match ended {
            Ok(()) => stage,
            Err(_) => AnswerStage::Cut,
        };
        ended
    }

    /// An interim answer, 102 to 199 but not 101 (RFC 9110 section 15.2); `100 Continue` is the server's. Silently
    /// skipped for an HTTP/1.0 peer, which cannot read it.
    pub fn interim(&mut self, status: u16, lines: &HeaderLines) -> Result<(), Misuse> {
        self.answer.stage = self.answer.stage.after(AnswerStep::Interim)?;
        if !(102..=199).contains(&status) {
            return Err(Misuse::StatusNotInterim { status });
        }
        if self.answer.version == Version::Http11 {
            write_status_line(status, self.output);
            self.server_lines.write(Recipient::Interim, self.output);
            self.output.extend_from_slice(lines.as_bytes());
            self.output.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// The head of the final answer has been written, or nothing can be written any more.
    pub fn is_started(&self) -> bool {
        self.answer.stage != AnswerStage::Due
    }

    /// The whole answer has been written, or nothing can be written any more.
    pub fn is_finished(&self) -> bool {
        matches!(self.answer.stage, AnswerStage::Complete | AnswerStage::Cut)
    }

    /// Chooses how the body is delimited (RFC 9112 section 6.3) and which length is announced.
    #[inline]
    fn framing(
        &self,
        status: u16,
        lines: &HeaderLines,
        length: BodyLength,
    ) -> Result<Framing, Misuse> {
        let AnswerLength {
            is_silent,
            announced,
        } = AnswerLength::of(status, lines, length, self.answer.is_to_head)?;
        let encoder = match (is_silent, announced, self.answer.version) {
            (true, ..) => BodyEncoder::Silent,
            (false, Some(length), _) => BodyEncoder::Length(length),
            (false, None, Version::Http10) => BodyEncoder::UntilClose,
            (false, None, Version::Http11 | Version::Http2) => BodyEncoder::Chunked,
        };
        Ok(Framing { encoder, announced })
    }

    /// Status line, the server's lines, the app's lines, framing, persistence, empty line.
    #[inline(always)]
    fn write_head(&mut self, status: u16, lines: &HeaderLines, framing: Framing) {
        self.answer.status = status;
        let output = &mut *self.output;
        write_status_line(status, output);
        self.server_lines.write(Recipient::Answer(lines), output);
        output.extend_from_slice(lines.as_bytes());
        if let Some(length) = framing.announced {
            write_content_length(length, output);
        } else if framing.encoder == BodyEncoder::Chunked {
            output.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        self.answer.persists = self.may_persist
            && self.answer.peer_persists
            && !lines.wants_close()
            && framing.encoder != BodyEncoder::UntilClose;
        match (self.answer.persists, self.answer.version) {
            (true, Version::Http11 | Version::Http2) => output.extend_from_slice(b"\r\n"),
            (true, Version::Http10) => output.extend_from_slice(b"connection: keep-alive\r\n\r\n"),
            (false, _) => output.extend_from_slice(b"connection: close\r\n\r\n"),
        }
    }
}

/// How a body is delimited and which `content-length` is announced.
#[derive(Copy, Clone)]
struct Framing {
    encoder: BodyEncoder,
    announced: Option<u64>,
}

/// Writes an answer of the server's own that ends the connection: a short text, no app involved.
pub(crate) fn write_refusal(
    output: &mut Vec<u8>,
    server_lines: Option<&ServerLines>,
    status: u16,
    retry_after_s: Option<u32>,
    text: &str,
    is_to_head: bool,
) {
    write_status_line(status, output);
    if let Some(server_lines) = server_lines {
        server_lines.write(Recipient::Refusal, output);
    }
    if let Some(seconds) = retry_after_s {
        output.extend_from_slice(b"retry-after: ");
        output.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
        output.extend_from_slice(b"\r\n");
    }
    output.extend_from_slice(b"content-type: text/plain; charset=utf-8\r\n");
    write_content_length(text.len() as u64, output);
    output.extend_from_slice(b"connection: close\r\n\r\n");
    if !is_to_head {
        output.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
#[path = "response_writer_tests.rs"]
mod tests;
