//! Writes one part of a deferred answer. Knows neither the connection's state nor where parts come from.

use turbo_shard_protocol::Misuse;

use crate::exchange::reply_part::Part;
use crate::exchange::response::Response;

/// Whether this part completes the answer; `None` for one that is no part of an HTTP answer, or that says that there
/// will be none.
#[inline]
pub(crate) fn write_part(part: Part, response: &mut Response<'_>) -> Option<Result<bool, Misuse>> {
    Some(match part {
        Part::Whole {
            status,
            lines,
            body,
        } => response.whole(status, &lines, &body).map(|()| true),
        Part::Start {
            status,
            lines,
            length,
        } => response.start(status, &lines, length).map(|()| false),
        Part::Chunk(data) => response.chunk(&data).map(|()| false),
        Part::End { trailers: None } => response.end().map(|()| true),
        Part::End {
            trailers: Some(trailers),
        } => response.end_with_trailers(&trailers).map(|()| true),
        Part::Interim { status, lines } => response.interim(status, &lines).map(|()| false),
        Part::Failed
        | Part::Held(_)
        | Part::Message { .. }
        | Part::Close { .. }
        | Part::Accept(_) => return None,
    })
}
