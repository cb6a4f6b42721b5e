//! Writes the answer of one stream, with the steps and rules of HTTP/1's writer. Knows no other stream.

use crate::answer_length::{AnswerLength, BodyLength};
use crate::header_list::HeaderLines;
use crate::http1::response_head::write_content_length;
use crate::http2::event::StreamKey;
use crate::http2::hpack::encoder;
use crate::http2::outgoing::{Ending, Outgoing};
use crate::http2::sender::Sender;
use crate::misuse::{AnswerStage, AnswerStep, Misuse};
use crate::server_lines::{Recipient, ServerLines};

/// Writes the answer of a stream. Every method either writes everything or returns a [`Misuse`] and writes nothing; what
/// the peer's windows do not let through waits with the stream.
pub struct StreamWriter<'a> {
    key: StreamKey,
    outgoing: &'a mut Outgoing,
    sender: &'a mut Sender,
    server_lines: &'a ServerLines,
}

impl<'a> StreamWriter<'a> {
    pub(super) fn new(
        key: StreamKey,
        outgoing: &'a mut Outgoing,
        sender: &'a mut Sender,
        server_lines: &'a ServerLines,
    ) -> StreamWriter<'a> {
        StreamWriter {
            key,
            outgoing,
            sender,
            server_lines,
        }
    }

    /// Head and body in one go, as [`ResponseWriter::whole`](crate::ResponseWriter::whole).
    pub fn whole(&mut self, status: u16, lines: &HeaderLines, body: &[u8]) -> Result<(), Misuse> {
        let stage = self.outgoing.stage.after(AnswerStep::Whole)?;
        let length = self.length(status, lines, BodyLength::Known(body.len() as u64))?;
        let body = if length.is_silent { &[] } else { body };
        self.write_answer_head(status, lines, length, body.is_empty());
        self.outgoing.stage = stage;
        self.outgoing.body_bytes_written = body.len() as u64;
        if body.is_empty() {
            self.sender.end(self.key, self.outgoing);
        } else {
            self.sender.send_whole(self.key, self.outgoing, body);
        }
        Ok(())
    }

    /// The head of a streamed answer.
    pub fn start(
        &mut self,
        status: u16,
        lines: &HeaderLines,
        length: BodyLength,
    ) -> Result<(), Misuse> {
        let stage = self.outgoing.stage.after(AnswerStep::Start)?;
        let length = self.length(status, lines, length)?;
        self.write_answer_head(status, lines, length, false);
        self.outgoing.is_silent = length.is_silent;
        self.outgoing.remaining = length.announced;
        self.outgoing.stage = stage;
        Ok(())
    }

    /// Takes a tunnel (RFC 8441): what both sides send from now on is nobody's body. `lines` are the head's own.
    pub fn accept(&mut self, lines: &[u8]) -> Result<(), Misuse> {
        let stage = self.outgoing.stage.after(AnswerStep::Start)?;
        self.write_head(200, Recipient::Tunnel(lines), lines, None, false);
        self.outgoing.stage = stage;
        Ok(())
    }

    /// A piece of the body. After [`Misuse::BodyTooLong`] the piece was not written and the answer can go on.
    pub fn chunk(&mut self, data: &[u8]) -> Result<(), Misuse> {
        self.outgoing.stage = self.outgoing.stage.after(AnswerStep::Chunk)?;
        if self.outgoing.is_silent {
            return Ok(());
        }
        let length = data.len() as u64;
        if let Some(remaining) = &mut self.outgoing.remaining {
            if length > *remaining {
                return Err(Misuse::BodyTooLong {
                    excess: length - *remaining,
                });
            }
            *remaining -= length;
        }
        self.outgoing.body_bytes_written += length;
        self.outgoing.pending.tail().extend_from_slice(data);
        self.sender.enqueue(self.key, self.outgoing);
        Ok(())
    }

    /// The end of the body. After [`Misuse::BodyTooShort`] the answer is cut.
    pub fn end(&mut self) -> Result<(), Misuse> {
        self.end_as(Ending::Plain)
    }

    /// As [`end`](StreamWriter::end), with a trailer section (RFC 9110 section 6.5). An answer without a body has no room
    /// for one: it is dropped there.
    pub fn end_with_trailers(&mut self, trailers: &HeaderLines) -> Result<(), Misuse> {
        match self.outgoing.is_silent || trailers.as_bytes().is_empty() {
            true => self.end(),
            false => self.end_as(Ending::Trailers(trailers.as_bytes().to_vec())),
        }
    }

    fn end_as(&mut self, ending: Ending) -> Result<(), Misuse> {
        let stage = self.outgoing.stage.after(AnswerStep::End)?;
        if let (Some(missing @ 1..), false) = (self.outgoing.remaining, self.outgoing.is_silent) {
            self.outgoing.stage = AnswerStage::Cut;
            return Err(Misuse::BodyTooShort { missing });
        }
        self.outgoing.stage = stage;
        self.outgoing.ending = ending;
        self.sender.enqueue(self.key, self.outgoing);
        Ok(())
    }

    /// An interim answer, 102 to 199 but not 101 (RFC 9110 section 15.2); `100 Continue` is the server's.
    pub fn interim(&mut self, status: u16, lines: &HeaderLines) -> Result<(), Misuse> {
        self.outgoing.stage = self.outgoing.stage.after(AnswerStep::Interim)?;
        if !(102..=199).contains(&status) {
            return Err(Misuse::StatusNotInterim { status });
        }
        self.sender.write_head(self.outgoing.id, false, |block| {
            encoder::write_status(status, block);
            encoder::write_lines(lines.as_bytes(), block);
        });
        Ok(())
    }

    /// The head of the final answer has been written, or nothing can be written any more.
    pub fn is_started(&self) -> bool {
        self.outgoing.stage != AnswerStage::Due
    }

    /// The whole answer has been given, or nothing can be written any more.
    pub fn is_finished(&self) -> bool {
        matches!(
            self.outgoing.stage,
            AnswerStage::Complete | AnswerStage::Cut
        )
    }

    fn length(
        &self,
        status: u16,
        lines: &HeaderLines,
        length: BodyLength,
    ) -> Result<AnswerLength, Misuse> {
        AnswerLength::of(status, lines, length, self.outgoing.is_to_head)
    }

    fn write_answer_head(
        &mut self,
        status: u16,
        lines: &HeaderLines,
        length: AnswerLength,
        is_end: bool,
    ) {
        let recipient = Recipient::Answer(lines);
        self.write_head(
            status,
            recipient,
            lines.as_bytes(),
            length.announced,
            is_end,
        );
    }

    #[inline]
    fn write_head(
        &mut self,
        status: u16,
        recipient: Recipient<'_>,
        lines: &[u8],
        announced: Option<u64>,
        is_end: bool,
    ) {
        self.outgoing.status = status;
        let mut text = std::mem::take(&mut self.sender.lines);
        text.clear();
        self.server_lines.write(recipient, &mut text);
        text.extend_from_slice(lines);
        if let Some(length) = announced {
            write_content_length(length, &mut text);
        }
        self.sender.write_head(self.outgoing.id, is_end, |block| {
            encoder::write_status(status, block);
            encoder::write_lines(&text, block);
        });
        if let Some(head_text) = &mut self.outgoing.head_text {
            head_text.extend_from_slice(b"HTTP/2.0 200\r\n");
            head_text.extend_from_slice(&text);
            head_text.extend_from_slice(b"\r\n");
        }
        self.sender.lines = text;
    }
}
