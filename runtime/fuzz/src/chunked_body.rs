//! A chunked body, against a second decoder that is written for being read: both find the same data, the same end and the
//! same faults.

use turbo_shard_protocol::Limits;

use crate::answers::split_at;
use crate::pieces::{number, ways};
use crate::session::{limits, tell};

const HEAD: &[u8] = b"POST /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

/// What the bytes of a chunked body come to.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    /// More bytes are needed.
    Partial,
    Refused,
    Whole {
        data: Vec<u8>,
        /// Bytes of the framing and the data.
        length: usize,
    },
}

pub(crate) fn check(input: &[u8]) {
    check_reading(input);
    check_round_trip(input);
}

fn check_reading(input: &[u8]) {
    let limits = limits();
    let reading = read(input, &limits);
    let (body, expected) = match &reading {
        Reading::Whole { length, .. } => ([&input[..*length], NEXT].concat(), 2),
        _ => (input.to_vec(), 1),
    };
    for pieces in ways(&body) {
        let story = tell(&limits, &[&[HEAD][..], &pieces].concat());
        assert_eq!(story.asked.len(), expected, "{reading:?}");
        let asked = &story.asked[0];
        match &reading {
            Reading::Whole { data, .. } => {
                assert_eq!(&asked.body, data);
                assert!(asked.is_answered && story.refused.is_none());
                assert_eq!(story.asked[1].path, b"/next");
            }
            Reading::Refused => assert!(story.refused.is_some() && !asked.is_answered),
            Reading::Partial => assert!(story.refused.is_none() && !asked.is_answered),
        }
    }
}

/// The input as data, cut into chunks: it comes back.
fn check_round_trip(input: &[u8]) {
    let limits = Limits::sample();
    let mut body = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        let count = 1 + number(rest, 3) as usize % rest.len();
        let (chunk, after) = rest.split_at(count);
        let size = match count % 3 {
            0 => format!("{count:x}\r\n"),
            1 => format!("{count:06X};a=\"b\"\r\n"),
            _ => format!("{count:x};{}\r\n", "x".repeat(count % 50)),
        };
        body.extend_from_slice(&[size.as_bytes(), chunk, b"\r\n"].concat());
        rest = after;
    }
    body.extend_from_slice(b"0\r\nX-Sum: 1\r\n\r\n");
    let end = Reading::Whole {
        data: input.to_vec(),
        length: body.len(),
    };
    assert_eq!(read(&body, &limits), end);
    for pieces in ways(&body) {
        let story = tell(&limits, &[&[HEAD][..], &pieces].concat());
        assert_eq!(story.asked[0].body, input);
        assert!(story.asked[0].is_answered);
    }
}

/// RFC 9112 section 7.1, strictly, over all bytes at once.
fn read(input: &[u8], limits: &Limits) -> Reading {
    let mut rest = input;
    let mut data = Vec::new();
    loop {
        let size = match read_size(rest, limits.chunk_line_bytes_max) {
            Ok(Some((size, after))) => {
                rest = after;
                size
            }
            Ok(None) => return Reading::Partial,
            Err(_) => return Reading::Refused,
        };
        if size == 0 {
            break;
        }
        if size.saturating_add(data.len() as u64) > limits.body_bytes_max {
            return Reading::Refused;
        }
        let size = size as usize;
        let Some((chunk, after)) = rest.split_at_checked(size) else {
            return Reading::Partial;
        };
        data.extend_from_slice(chunk);
        match after {
            [b'\r', b'\n', after @ ..] => rest = after,
            [] | [b'\r'] => return Reading::Partial,
            _ => return Reading::Refused,
        }
    }
    match read_trailers(rest, limits) {
        Ok(Some(after)) => Reading::Whole {
            data,
            length: input.len() - after.len(),
        },
        Ok(None) => Reading::Partial,
        Err(_) => Reading::Refused,
    }
}

/// Something that is against the grammar, or beyond a bound.
struct Fault;

type Found<T> = Result<Option<T>, Fault>;

fn read_size(input: &[u8], line_bytes_max: usize) -> Found<(u64, &[u8])> {
    let end = input.iter().position(|&byte| byte == b'\r');
    let line = &input[..end.unwrap_or(input.len())];
    let mut parts = line.splitn(2, |&byte| byte == b';');
    let digits = parts.next().unwrap_or_default();
    let extension = parts.next();
    let has_all_digits = extension.is_some() || end.is_some();
    if !digits.iter().all(u8::is_ascii_hexdigit) || digits.len() > 16 {
        return Err(Fault);
    }
    if has_all_digits && digits.is_empty() {
        return Err(Fault);
    }
    let is_control = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
    if extension.is_some_and(|extension| extension.iter().any(is_control)) {
        return Err(Fault);
    }
    // Its carriage return counts, so a line of one byte more is too long only once that is not the return.
    if line.len() > line_bytes_max + 1 || (line.len() > line_bytes_max && end.is_some()) {
        return Err(Fault);
    }
    let Some(end) = end else { return Ok(None) };
    match input.get(end + 1) {
        None => return Ok(None),
        Some(b'\n') => {}
        Some(_) => return Err(Fault),
    }
    let text = std::str::from_utf8(digits).map_err(|_| Fault)?;
    let size = u64::from_str_radix(text, 16).map_err(|_| Fault)?;
    Ok(Some((size, &input[end + 2..])))
}

/// What follows the trailer section.
fn read_trailers<'i>(input: &'i [u8], limits: &Limits) -> Found<&'i [u8]> {
    let within = &input[..input.len().min(limits.trailer_bytes_max)];
    let mut lines = Vec::new();
    let mut rest = within;
    loop {
        let feed = rest.iter().position(|&byte| byte == b'\n');
        let Some(feed) = feed else {
            return match within.len() == limits.trailer_bytes_max {
                true => Err(Fault),
                false => Ok(None),
            };
        };
        let line = rest[..feed].strip_suffix(b"\r").ok_or(Fault)?;
        rest = &rest[feed + 1..];
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let is_fine = lines.iter().all(|line| is_trailer(line));
    if !is_fine || lines.len() > limits.header_fields_max {
        return Err(Fault);
    }
    Ok(Some(&input[within.len() - rest.len()..]))
}

fn is_trailer(line: &[u8]) -> bool {
    let Some((name, value)) = split_at(line, b":") else {
        return false;
    };
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let is_plain = |&byte: &u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    let name_text = String::from_utf8_lossy(name).to_ascii_lowercase();
    let is_allowed = !matches!(
        &name_text[..],
        "content-length"
            | "transfer-encoding"
            | "host"
            | "connection"
            | "expect"
            | "te"
            | "trailer"
            | "upgrade"
    );
    !name.is_empty() && name.iter().all(is_tchar) && value.iter().all(is_plain) && is_allowed
}
