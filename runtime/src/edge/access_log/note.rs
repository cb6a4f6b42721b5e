//! What the line of one request needs, noted while the request lasts: copied once, since the request's bytes go when its
//! answer is complete. Knows no ring.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use turbo_shard_protocol::{RequestHead, Version};

use crate::connection_info::ConnectionInfo;
use crate::edge::access_log::line_format::LineFormat;
use crate::edge::access_log::record::{
    self, Fixed, Protocol, TEXT_BYTES_MAX, Tag, push_client, push_text, push_tls,
};

/// The record of a request whose answer is not complete.
#[derive(Debug, Default)]
pub(crate) struct Note {
    pub(crate) record: Vec<u8>,
    protocol: Protocol,
    /// The answer's fields are noted, or none are needed.
    has_answer: bool,
}

impl Note {
    /// Notes what `format` needs of a request. `record` is memory to use.
    pub(crate) fn of_request(
        format: &LineFormat,
        mut record: Vec<u8>,
        request: RequestHead<'_>,
        connection: &ConnectionInfo,
    ) -> Note {
        begin(&mut record, format, connection);
        push_text(&mut record, Tag::Method, 0, request.method_bytes());
        push_text(&mut record, Tag::Target, 0, request.target());
        for (number, name) in format.of_request.iter().enumerate() {
            if let Some(value) = request.header(name) {
                push_text(&mut record, Tag::RequestField, number as u8, value);
            }
        }
        if format.needs_user
            && let Some(user) = request.header("authorization").and_then(basic_user)
        {
            push_text(&mut record, Tag::User, 0, &user);
        }
        Note {
            record,
            protocol: match request.version() {
                Version::Http10 => Protocol::Http10,
                Version::Http11 => Protocol::Http11,
                Version::Http2 => Protocol::Http2,
            },
            has_answer: format.of_answer.is_empty(),
        }
    }

    /// Notes what was sent where no request was understood: the beginning of its first line.
    pub(crate) fn of_nonsense(
        format: &LineFormat,
        mut record: Vec<u8>,
        sent: &[u8],
        connection: &ConnectionInfo,
    ) -> Note {
        begin(&mut record, format, connection);
        let line = sent.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            push_text(&mut record, Tag::Raw, 0, line);
        }
        Note {
            record,
            protocol: Protocol::Unknown,
            has_answer: true,
        }
    }

    /// The answer's head is still to be noted.
    pub(crate) fn lacks_answer(&self) -> bool {
        !self.has_answer
    }

    /// Notes what `format` needs of the answer's head. `sent` begins with it, or with those of interim answers.
    pub(crate) fn note_answer(&mut self, format: &LineFormat, sent: &[u8]) {
        self.has_answer = true;
        for (name, value) in fields_of_answer(sent) {
            let is_named = |wanted: &String| wanted.as_bytes().eq_ignore_ascii_case(name);
            if let Some(number) = format.of_answer.iter().position(is_named) {
                push_text(&mut self.record, Tag::AnswerField, number as u8, value);
            }
        }
    }

    pub(crate) fn finish(&mut self, fixed: Fixed) {
        let protocol = self.protocol;
        record::finish(&mut self.record, Fixed { protocol, ..fixed });
    }
}

/// What every record begins with.
fn begin(record: &mut Vec<u8>, format: &LineFormat, connection: &ConnectionInfo) {
    record::begin(record);
    push_client(record, &connection.peer);
    if let Some(facts) = &connection.tls
        && format.needs_tls
    {
        push_tls(record, facts);
    }
}

/// The fields of the first final answer in `sent`.
fn fields_of_answer(sent: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut lines = sent.split(|&byte| byte == b'\n');
    let is_interim = |line: &[u8]| line.get(9) == Some(&b'1');
    while lines.next().is_some_and(is_interim) {
        lines.by_ref().find(|line| matches!(line, [] | [b'\r']));
    }
    lines
        .take_while(|line| !matches!(line, [] | [b'\r']))
        .filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            Some((&line[..colon], line[colon + 1..].trim_ascii()))
        })
}

/// The user of Basic credentials (RFC 7617). The password is not looked at.
fn basic_user(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, credentials) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let credentials = credentials
        .trim_ascii()
        .split(|&byte| byte == b'=')
        .next()?;
    let longest = TEXT_BYTES_MAX / 3 * 4;
    let decoded = STANDARD_NO_PAD
        .decode(&credentials[..credentials.len().min(longest)])
        .ok()?;
    let user = decoded.split(|&byte| byte == b':').next()?;
    (!user.is_empty()).then(|| user.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_final_answer() {
        let sent = b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\netag: \"x\"\r\nempty:\r\n\r\nbody: no\r\n";
        let fields: Vec<_> = fields_of_answer(sent).collect();
        assert_eq!(
            fields,
            [(&b"etag"[..], &b"\"x\""[..]), (&b"empty"[..], &b""[..])]
        );
    }

    #[test]
    fn a_user_is_read_from_basic_credentials_only() {
        assert_eq!(
            basic_user(b"Basic dXNlcjpwYXNz").as_deref(),
            Some(&b"user"[..])
        );
        assert_eq!(basic_user(b"basic  dTo=").as_deref(), Some(&b"u"[..]));
        for other in [
            &b"Bearer dXNlcjpwYXNz"[..],
            b"Basic ?",
            b"Basic",
            b"Basic OnA=",
        ] {
            assert_eq!(basic_user(other), None);
        }
        assert_eq!(
            basic_user(&[&b"Basic "[..], &[b'A'; 9000]].concat()).map(|user| user.len()),
            Some(1023)
        );
    }
}
