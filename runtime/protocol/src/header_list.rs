//! The header lines of an answer, checked when they are pushed and kept as they go out. Knows no status and no body.

mod editing;

use crate::limits::RESPONSE_HEAD_BYTES_MAX;
use crate::misuse::Misuse;
use crate::syntax::{is_field_value, is_token, list_elements, parse_digits, trim_ows};

/// Room that is made with the first line.
const LINES_BYTES_INITIAL: usize = 256;
const JSON_LINE: &[u8] = b"content-type: application/json\r\n";
/// Fields that `connection` may take away from one answer. Each costs a look at all lines, and an app that relays
/// another server's answer relays a stranger's list.
const NOMINATED_MAX: usize = 32;

/// Header lines of one answer: `name: value CRLF`, ready to send. [`clear`](HeaderLines::clear) keeps the memory.
///
/// What an app may say about framing and the connection is limited, because both belong to the server:
///
/// - `content-length` is remembered, not stored: the server writes it, once. It must be 1*DIGIT and single.
/// - `transfer-encoding: chunked` is dropped: the server chooses the framing. Any other coding is a misuse.
/// - `connection: close` closes the connection after the answer. Every other option in it is dropped, as are the
///   other hop-by-hop fields (`keep-alive`, `proxy-connection`, `te`, `upgrade`, `trailer`, and those that `connection`
///   names: RFC 9110 section 7.6.1): an app that relays another server's answer need not filter them, and none of them
///   would be true here.
/// - `date` and `server` replace the server's own.
#[derive(Default, Clone, Debug)]
pub struct HeaderLines {
    bytes: Vec<u8>,
    content_length: Option<u64>,
    has_content_type: bool,
    has_date: bool,
    wants_close: bool,
    /// Fields that a `connection` has named, up to [`NOMINATED_MAX`]. Almost always none.
    nominated: Vec<Vec<u8>>,
}

impl HeaderLines {
    /// No lines, no memory.
    pub fn new() -> HeaderLines {
        HeaderLines::default()
    }

    /// No lines, and memory for as many bytes of them.
    pub fn with_capacity(bytes: usize) -> HeaderLines {
        HeaderLines {
            bytes: Vec::with_capacity(bytes),
            ..HeaderLines::default()
        }
    }

    /// The lines of a JSON answer, as if they had been pushed: `content-length`, if it is given, and
    /// `content-type: application/json`.
    pub fn of_json(content_length: Option<u64>) -> HeaderLines {
        HeaderLines {
            bytes: JSON_LINE.to_vec(),
            content_length,
            has_content_type: true,
            ..HeaderLines::default()
        }
    }

    /// Forgets every line and keeps the memory.
    pub fn clear(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        *self = HeaderLines {
            bytes,
            ..HeaderLines::default()
        };
    }

    /// Adds every line of `other`. For trailers, which come without the fields that are remembered instead of stored.
    pub fn append(&mut self, other: &HeaderLines) -> Result<(), Misuse> {
        if self.bytes.len() + other.bytes.len() > RESPONSE_HEAD_BYTES_MAX {
            return Err(Misuse::HeadTooLarge);
        }
        self.bytes.extend_from_slice(&other.bytes);
        Ok(())
    }

    /// Adds a line. White space around the value is removed; the case of the name is kept. After an error the list is
    /// as it was before.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), Misuse> {
        if !is_token(name) {
            return Err(Misuse::FieldNameInvalid);
        }
        let value = trim_ows(value);
        if !is_field_value(value) {
            return Err(Misuse::FieldValueInvalid);
        }
        // Before anything is noted, so that an error leaves no trace.
        if self.bytes.len() + name.len() + value.len() + 4 > RESPONSE_HEAD_BYTES_MAX {
            return Err(Misuse::HeadTooLarge);
        }
        if self.is_stored(name, value)? {
            if self.bytes.capacity() == 0 {
                // Most lists stay below this; growing step by step would cost more than the memory.
                self.bytes.reserve(LINES_BYTES_INITIAL);
            }
            self.bytes.extend_from_slice(name);
            self.bytes.extend_from_slice(b": ");
            self.bytes.extend_from_slice(value);
            self.bytes.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// Notes what a field means to the server; false if the server writes it itself or drops it.
    fn is_stored(&mut self, name: &[u8], value: &[u8]) -> Result<bool, Misuse> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is(b"date") => self.has_date = true,
            12 if is(b"content-type") => self.has_content_type = true,
            14 if is(b"content-length") => {
                let length = parse_digits(value).ok_or(Misuse::ContentLengthInvalid)?;
                if self.content_length.is_some() {
                    return Err(Misuse::ContentLengthRepeated);
                }
                self.content_length = Some(length);
                return Ok(false);
            }
            17 if is(b"transfer-encoding") => {
                return match value.eq_ignore_ascii_case(b"chunked") {
                    true => Ok(false),
                    false => Err(Misuse::TransferEncodingUnsupported),
                };
            }
            10 if is(b"connection") => {
                list_elements(value).for_each(|option| self.note_option(option));
                return Ok(false);
            }
            _ if is_hop_by_hop(name) => return Ok(false),
            _ => {}
        }
        Ok(self.nominated.is_empty() || !self.is_nominated(name))
    }

    /// An option of `connection`: a wish, or the name of a field that is meant for the next hop alone.
    fn note_option(&mut self, option: &[u8]) {
        if option.eq_ignore_ascii_case(b"close") {
            self.wants_close = true;
        } else if is_token(option)
            && !is_hop_by_hop(option)
            && !is_end_to_end(option)
            && self.nominated.len() < NOMINATED_MAX
            && !self.is_nominated(option)
        {
            self.remove(option);
            self.nominated.push(option.to_vec());
        }
    }

    fn is_nominated(&self, name: &[u8]) -> bool {
        self.nominated
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Removes the stored lines with this name.
    fn remove(&mut self, name: &[u8]) {
        let mut kept = Vec::with_capacity(self.bytes.len());
        for line in self.bytes.split_inclusive(|&byte| byte == b'\n') {
            let is_named = line.len() > name.len()
                && line[name.len()] == b':'
                && line[..name.len()].eq_ignore_ascii_case(name);
            if !is_named {
                kept.extend_from_slice(line);
            }
        }
        self.bytes = kept;
    }

    /// The lines as they go out, without those that the server writes itself.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A `content-type` was pushed.
    pub fn has_content_type(&self) -> bool {
        self.has_content_type
    }

    /// The `content-length` that was pushed.
    #[inline]
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Nothing was pushed that has any effect.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.content_length.is_none() && !self.wants_close
    }

    /// Some stored line's name begins with `prefix`, in any case.
    pub(crate) fn has_name_prefix(&self, prefix: &[u8]) -> bool {
        // No value holds a line end.
        self.bytes.split(|&byte| byte == b'\n').any(|line| {
            line.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        })
    }

    /// The app set its own `date`.
    #[inline]
    pub(crate) fn has_date(&self) -> bool {
        self.has_date
    }

    /// The app asked for the connection to be closed after this answer.
    #[inline]
    pub(crate) fn wants_close(&self) -> bool {
        self.wants_close
    }
}

/// Whether a field is for the next hop alone: then it belongs to the server, not to an app (RFC 9110 section 7.6.1;
/// `trailer` announces what only this hop's framing carries).
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    match name.len() {
        2 => is(b"te"),
        7 => is(b"upgrade") || is(b"trailer"),
        10 => is(b"connection") || is(b"keep-alive"),
        16 => is(b"proxy-connection"),
        17 => is(b"transfer-encoding"),
        _ => false,
    }
}

/// Fields that no `connection` may take away: an answer is worth nothing without them.
fn is_end_to_end(name: &[u8]) -> bool {
    let starts = |prefix: &[u8]| {
        name.len() >= prefix.len() && name[..prefix.len()].eq_ignore_ascii_case(prefix)
    };
    starts(b"content-") || starts(b"set-cookie") || name.eq_ignore_ascii_case(b"date")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(fields: &[(&[u8], &[u8])]) -> Result<HeaderLines, Misuse> {
        let mut lines = HeaderLines::new();
        for (name, value) in fields {
            lines.push(name, value)?;
        }
        Ok(lines)
    }

    #[test]
    fn lines_go_out_as_they_were_pushed_without_outer_white_space() {
        let lines = lines_of(&[
            (b"Content-Type", b" text/plain\t"),
            (b"x", b""),
            (b"y", b"\x80\xff"),
        ])
        .unwrap();
        assert_eq!(
            lines.as_bytes(),
            b"Content-Type: text/plain\r\nx: \r\ny: \x80\xff\r\n"
        );
        assert!(lines.has_content_type());
    }

    #[test]
    fn lines_of_json_are_those_that_are_pushed() {
        let json = (b"content-type".as_slice(), b"application/json".as_slice());
        let pushed = lines_of(&[(b"content-length", b"12"), json]).unwrap();
        assert_eq!(
            format!("{:?}", HeaderLines::of_json(Some(12))),
            format!("{pushed:?}")
        );
        let pushed = lines_of(&[json]).unwrap();
        assert_eq!(
            format!("{:?}", HeaderLines::of_json(None)),
            format!("{pushed:?}")
        );
    }

    #[test]
    fn nothing_that_could_split_an_answer_gets_in() {
        for name in [
            &b""[..],
            b"a b",
            b"a:",
            b"a\r\nb",
            b"a\0",
            b"\xc3\xa4",
            b"a\n",
            b" a",
        ] {
            assert_eq!(
                lines_of(&[(name, b"v")]).unwrap_err(),
                Misuse::FieldNameInvalid
            );
        }
        for value in [
            &b"a\r\nb: c"[..],
            b"a\n",
            b"\r",
            b"a\0b",
            b"\x7f",
            b"\x1b",
            b"a\r\n",
            b"\r\n a",
        ] {
            assert_eq!(
                lines_of(&[(b"a", value)]).unwrap_err(),
                Misuse::FieldValueInvalid
            );
        }
    }

    #[test]
    fn an_error_leaves_the_list_as_it_was() {
        let mut lines = lines_of(&[(b"a", b"b"), (b"content-length", b"3")]).unwrap();
        let before = lines.as_bytes().to_vec();
        assert_eq!(lines.push(b"c", b"\0"), Err(Misuse::FieldValueInvalid));
        assert_eq!(
            lines.push(b"Content-Length", b"3"),
            Err(Misuse::ContentLengthRepeated)
        );
        assert_eq!(lines.as_bytes(), before);
        assert_eq!(lines.content_length(), Some(3));
    }

    #[test]
    fn framing_belongs_to_the_server() {
        let lines = lines_of(&[
            (b"Content-Length", b"12"),
            (b"Transfer-Encoding", b"Chunked"),
            (b"Keep-Alive", b"timeout=5"),
            (b"Upgrade", b"h2c"),
            (b"Connection", b"keep-alive"),
        ])
        .unwrap();
        assert_eq!(lines.as_bytes(), b"");
        assert_eq!(lines.content_length(), Some(12));
        assert!(!lines.wants_close());
        assert_eq!(
            lines_of(&[(b"transfer-encoding", b"gzip, chunked")]).unwrap_err(),
            Misuse::TransferEncodingUnsupported
        );
        for length in [&b""[..], b"+5", b"5, 5", b"0x5", b"18446744073709551616"] {
            assert_eq!(
                lines_of(&[(b"content-length", length)]).unwrap_err(),
                Misuse::ContentLengthInvalid
            );
        }
    }

    #[test]
    fn a_wish_to_close_is_heard() {
        let lines = lines_of(&[(b"connection", b"x, Close")]).unwrap();
        assert!(lines.wants_close());
        assert!(!lines.is_empty());
    }

    #[test]
    fn what_speaks_to_the_next_hop_is_dropped() {
        let lines = lines_of(&[
            (b"X-Hop", b"1"),
            (b"X-Hop-Not", b"2"),
            (b"TE", b"trailers"),
            (b"Trailer", b"x-sum"),
            (b"Content-Type", b"a/b"),
            (
                b"Connection",
                b"keep-alive, x-hop, Content-Type, TE, date, X-Later",
            ),
            (b"x-later", b"3"),
            (b"Proxy-Connection", b"close"),
        ])
        .unwrap();
        assert_eq!(lines.as_bytes(), b"X-Hop-Not: 2\r\nContent-Type: a/b\r\n");
        assert!(lines.has_content_type() && !lines.wants_close());
    }

    #[test]
    fn no_more_fields_are_taken_away_than_are_worth_looking_for() {
        let mut lines = HeaderLines::new();
        let names: Vec<String> = (0..40_000).map(|number| format!("x-{number}")).collect();
        lines
            .push(b"connection", names.join(",").as_bytes())
            .unwrap();
        assert_eq!(lines.nominated.len(), NOMINATED_MAX);
        for (index, is_kept) in [(NOMINATED_MAX - 1, false), (NOMINATED_MAX, true)] {
            lines.push(names[index].as_bytes(), b"1").unwrap();
            assert_eq!(!lines.is_empty(), is_kept);
        }
    }

    #[test]
    fn clearing_forgets_everything() {
        let mut lines = lines_of(&[
            (b"date", b"today"),
            (b"content-type", b"a/b"),
            (b"content-length", b"1"),
            (b"connection", b"close"),
        ])
        .unwrap();
        lines.clear();
        assert!(lines.is_empty());
        assert!(!lines.has_date() && !lines.has_content_type());
    }

    #[test]
    fn all_lines_together_are_bounded() {
        let mut lines = HeaderLines::new();
        let value = vec![b'v'; RESPONSE_HEAD_BYTES_MAX - 5];
        assert_eq!(lines.push(b"ab", &value), Err(Misuse::HeadTooLarge));
        assert_eq!(lines.push(b"a", &value), Ok(()));
        assert_eq!(lines.push(b"a", b""), Err(Misuse::HeadTooLarge));
    }
}
