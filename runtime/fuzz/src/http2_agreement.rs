//! What we accept as HTTP/2, the crate h2 reads in the same way: method, target, authority, fields, and the body of each
//! stream. What h2 accepts and we refuse is no fault.

use http::Uri;
use turbo_shard_protocol::Limits;
use turbo_shard_protocol::http2::PREFACE;

use crate::h2_reading::{self, Reading};
use crate::http2_session::{Exchange, tell_with_books};
use crate::session::Asked;

pub(crate) fn check(input: &[u8]) {
    let limits = Limits {
        http2_streams_max: 100,
        ..Limits::sample()
    };
    let (story, numbers, peer) = tell_with_books(&limits, input);
    if story.exchanges.is_empty() {
        return;
    }
    let input = [PREFACE, input].concat();
    let readings = h2_reading::read(&input, limits.http2_streams_max);
    // What we answer with a reset or a status, h2 may end the connection for (RFC 9113 section 5.4.1 lets it), and reads no more.
    let has_failed = story.fault.is_some()
        || story.exchanges.iter().any(|it| it.refused.is_some())
        || peer.streams.values().any(|it| it.reset.is_some());
    for (exchange, number) in story.exchanges.iter().zip(&numbers) {
        agree(exchange, readings.get(number), has_failed);
    }
}

/// A request that we accepted is one that h2 read, on the same stream.
fn agree(exchange: &Exchange, reading: Option<&Reading>, has_failed: bool) {
    let asked = &exchange.asked;
    if exchange.refused.is_some() {
        return;
    }
    let Some(reading) = reading else {
        assert!(
            has_failed || !is_readable(asked),
            "h2 does not read {asked:?}"
        );
        return;
    };
    let mut headers = asked.headers.clone();
    let host = headers.iter().position(|(name, _)| name == b"host");
    let host = host.map(|at| headers.remove(at).1);
    let mut headers: Vec<_> = headers
        .into_iter()
        .map(|(name, value)| (String::from_utf8_lossy(&name).into_owned(), value))
        .collect();
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    let mut read = with_one_cookie(&reading.headers);
    let read_host = read.iter().position(|(name, _)| name == "host");
    let read_host = read_host.map(|at| read.remove(at).1);
    assert_eq!(asked.method, reading.method.as_bytes());
    assert_eq!(asked.path, reading.path.as_bytes(), "{asked:?}");
    assert_eq!(asked.query, reading.query.as_bytes(), "{asked:?}");
    // We put the authority in the place of the host, as RFC 9113 section 8.3.1 has it; h2 leaves that to its user.
    let authority = reading.authority.clone().map(String::into_bytes);
    assert_eq!(host, authority.or(read_host), "{asked:?}");
    assert_eq!(headers, read, "{asked:?}");
    // Of a body that the app did not want, we know only its end, by what follows.
    if asked.is_answered && asked.was_read() && !has_failed {
        assert_eq!(reading.body.as_ref(), Some(&asked.body), "{asked:?}");
    }
}

/// We join cookies, as RFC 9113 section 8.2.3 asks of what is handed to something that is not HTTP/2; h2 leaves that to its
/// user.
fn with_one_cookie(headers: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let mut joined: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, value) in headers {
        match joined.last_mut() {
            Some((last, cookies)) if last == "cookie" && name == "cookie" => {
                cookies.extend_from_slice(b"; ");
                cookies.extend_from_slice(value);
            }
            _ => joined.push((name.clone(), value.clone())),
        }
    }
    joined
}

/// h2 is stricter about the characters of a target and of an authority.
fn is_readable(asked: &Asked) -> bool {
    let host = asked.headers.iter().find(|(name, _)| name == b"host");
    let is_authority =
        host.is_none_or(|(_, host)| http::uri::Authority::try_from(&host[..]).is_ok());
    Uri::try_from(&asked.target[..]).is_ok() && is_authority
}
