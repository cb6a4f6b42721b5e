//! Writes the parts of a deferred answer, one at a time. Knows neither the connection's state nor where parts come from.

use turbo_shard_protocol::Misuse;

use crate::exchange::http_reply::AnswerPart;
use crate::exchange::response::Response;

/// Writes this part, or more of what was compressed before. Returns whether it completes the answer.
#[inline]
pub(crate) fn write_part(
    part: Option<AnswerPart>,
    response: &mut Response<'_>,
) -> Result<bool, Misuse> {
    match part {
        Some(part) => write(part, response),
        None => response.go_on().map(|()| response.is_finished()),
    }
}

#[inline]
fn write(part: AnswerPart, response: &mut Response<'_>) -> Result<bool, Misuse> {
    match part {
        AnswerPart::Whole {
            status,
            lines,
            body,
        } => response.whole(status, &lines, &body).map(|()| true),
        AnswerPart::Start {
            status,
            lines,
            length,
        } => response.start(status, &lines, length).map(|()| false),
        AnswerPart::Chunk(data) => response.chunk(&data).map(|()| false),
        AnswerPart::End { trailers: None } => response.end().map(|()| true),
        AnswerPart::End {
            trailers: Some(trailers),
        } => response.end_with_trailers(&trailers).map(|()| true),
        AnswerPart::Interim { status, lines } => response.interim(status, &lines).map(|()| false),
    }
}
