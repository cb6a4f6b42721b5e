//! Writes an answer whose body may be compressed on its way. Knows neither the connection nor the app.

use turbo_shard_protocol::{BodyLength, HeaderLines, Misuse};

use crate::coding::{Compression, Decision, PIECE_BYTES};
use crate::exchange::writer::Writer;

/// Head and body in one go, if the body is small; a large one is compressed as the connection goes on.
pub(super) fn whole(
    writer: &mut Writer<'_>,
    compression: &mut Compression,
    status: u16,
    lines: &HeaderLines,
    body: &[u8],
) -> Result<(), Misuse> {
    let announced = lines.content_length();
    let length = body.len() as u64;
    let is_wrong = announced.is_some_and(|announced| announced != length);
    if writer.is_started() || (is_wrong && !compression.is_to_head) {
        // The writer says what is wrong.
        return writer.whole(status, lines, body);
    }
    // An answer to HEAD may be without the body that it is about.
    let known = announced.unwrap_or(length);
    match compression.decide(status, lines, Some(known))? {
        Decision::AsItIs => writer.whole(status, lines, body),
        Decision::Plain(lines) => writer.whole(status, &lines, body),
        Decision::Coded(_, lines) if compression.is_to_head => {
            writer.start(status, &lines, BodyLength::Unknown)?;
            writer.end()
        }
        Decision::Coded(coding, lines) if body.len() <= PIECE_BYTES => {
            let coded = compression.at_once(coding, body)?;
            writer.whole(status, &lines, &coded)
        }
        Decision::Coded(coding, lines) => {
            compression.begin(coding, Some(length))?;
            writer.start(status, &lines, BodyLength::Unknown)?;
            compression.give(body)?;
            compression.give_end(None)
        }
    }
}

/// The head of a streamed answer.
pub(super) fn start(
    writer: &mut Writer<'_>,
    compression: &mut Compression,
    status: u16,
    lines: &HeaderLines,
    length: BodyLength,
) -> Result<(), Misuse> {
    let by_body = match length {
        BodyLength::Known(length) => Some(length),
        BodyLength::Unknown => None,
    };
    let announced = lines.content_length();
    let is_wrong = announced.is_some() && by_body.is_some() && announced != by_body;
    if writer.is_started() || is_wrong {
        return writer.start(status, lines, length);
    }
    let known = by_body.or(announced);
    match compression.decide(status, lines, known)? {
        Decision::AsItIs => writer.start(status, lines, length),
        Decision::Plain(lines) => writer.start(status, &lines, length),
        Decision::Coded(_, lines) if compression.is_to_head => {
            writer.start(status, &lines, BodyLength::Unknown)
        }
        Decision::Coded(coding, lines) => {
            compression.begin(coding, known)?;
            writer.start(status, &lines, BodyLength::Unknown)
        }
    }
}

/// A piece of a body that is being compressed. A small one goes out at once.
pub(super) fn chunk(
    writer: &mut Writer<'_>,
    compression: &mut Compression,
    data: &[u8],
) -> Result<(), Misuse> {
    let had_more = compression.has_more();
    compression.give(data)?;
    match had_more || data.len() > PIECE_BYTES {
        true => Ok(()),
        false => go_on(writer, compression),
    }
}

/// The end of a body that is being compressed.
pub(super) fn end(
    writer: &mut Writer<'_>,
    compression: &mut Compression,
    trailers: Option<HeaderLines>,
) -> Result<(), Misuse> {
    let had_more = compression.has_more();
    compression.give_end(trailers)?;
    match had_more {
        true => Ok(()),
        false => go_on(writer, compression),
    }
}

/// Compresses and writes the next of what the app has given.
pub(super) fn go_on(writer: &mut Writer<'_>, compression: &mut Compression) -> Result<(), Misuse> {
    let piece = compression.go_on()?;
    if !piece.bytes.is_empty() {
        writer.chunk(&piece.bytes)?;
    }
    match piece.end {
        None => Ok(()),
        Some(end) => match end.trailers {
            None => writer.end(),
            Some(trailers) => writer.end_with_trailers(&trailers),
        },
    }
}
