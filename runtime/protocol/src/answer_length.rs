//! How long an answer's body is, and what its head says of that: the same in every version of HTTP. Writes nothing.

use crate::header_list::HeaderLines;
use crate::misuse::Misuse;

/// What is known about the length of an answer's body when its head is written.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// Exactly this many bytes will follow.
    Known(u64),
    /// Unknown: what the app's `content-length` says, else chunked on HTTP/1.1, until the connection closes on
    /// HTTP/1.0, until the stream ends on HTTP/2.
    Unknown,
}

/// What becomes of it.
#[derive(Copy, Clone, Debug)]
pub(crate) struct AnswerLength {
    /// The peer expects no body, whatever the app gives: `HEAD`, 204, 205, 304.
    pub(crate) is_silent: bool,
    /// The `content-length` in the head. Where a body follows without one, its end is marked in the framing.
    pub(crate) announced: Option<u64>,
}

impl AnswerLength {
    /// RFC 9112 section 6.3, and RFC 9110 section 8.6.
    #[inline]
    pub(crate) fn of(
        status: u16,
        lines: &HeaderLines,
        length: BodyLength,
        is_to_head: bool,
    ) -> Result<AnswerLength, Misuse> {
        if !(200..=999).contains(&status) {
            return Err(Misuse::StatusNotFinal { status });
        }
        let by_app = lines.content_length();
        let silent = |announced| AnswerLength {
            is_silent: true,
            announced,
        };
        match status {
            204 => return Ok(silent(None)),
            205 => return Ok(silent(Some(0))),
            304 => return Ok(silent(by_app)),
            _ => {}
        }
        let by_body = match length {
            BodyLength::Known(length) => Some(length),
            BodyLength::Unknown => None,
        };
        if is_to_head {
            return Ok(silent(by_app.or(by_body.filter(|&length| length > 0))));
        }
        match (by_app, by_body) {
            (Some(announced), Some(actual)) if announced != actual => {
                Err(Misuse::ContentLengthDiffers { announced, actual })
            }
            (by_app, by_body) => Ok(AnswerLength {
                is_silent: false,
                announced: by_body.or(by_app),
            }),
        }
    }
}
