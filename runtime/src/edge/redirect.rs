//! Leads clients of plain HTTP to `https`. Knows no listeners: that of the connection says where it leads.

use turbo_shard_protocol::forwarded::split_port;
use turbo_shard_protocol::{HeaderLines, RequestHead};

use crate::connection_info::Scheme;
use crate::files::StaticFiles;
use crate::service::{Exchange, Outcome};

/// Where a certificate authority looks for what proves that a host is ours (RFC 8555 section 8.3), before there is a
/// certificate. Files that are mounted there are answered here.
const CHALLENGES: &[u8] = b"/.well-known/acme-challenge/";

const NO_HOST: &[u8] =
    b"Bad Request: this port leads to https, and the request names no host that it could be.\n";
const TOO_LONG: &[u8] = b"URI Too Long: this port leads to https, and there is no room for that.\n";

/// 308 to the same at `port`: a method and a body are sent there again.
pub(super) fn answer(
    exchange: &mut Exchange<'_>,
    files: Option<&StaticFiles>,
    port: u16,
) -> Outcome {
    if exchange.request.path().starts_with(CHALLENGES)
        && let Some(outcome) = files.and_then(|files| files.answer(exchange))
    {
        return outcome;
    }
    let mut lines = HeaderLines::new();
    let (status, body) = match location(exchange.request, port) {
        None => (400, NO_HOST),
        Some(url) if lines.push(b"location", &url).is_ok() => (308, &b""[..]),
        Some(_) => (414, TOO_LONG),
    };
    if !body.is_empty() {
        let pushed = lines.push(b"content-type", b"text/plain; charset=utf-8");
        debug_assert!(pushed.is_ok(), "our own line is valid");
    }
    // What cannot be written is noticed by the caller.
    let _ = exchange.response.whole(status, &lines, body);
    Outcome::Answered
}

/// None if the request does not say what host it is for, or is for no path (`OPTIONS *`).
fn location(request: RequestHead<'_>, port: u16) -> Option<Vec<u8>> {
    // That of an absolute target, where it has one.
    let (host, _) = split_port(request.header("host")?)?;
    if !is_host(host) || !request.path().starts_with(b"/") {
        return None;
    }
    let mut url = [b"https://", host].concat();
    if port != Scheme::Https.default_port() {
        url.extend_from_slice(format!(":{port}").as_bytes());
    }
    match request.target() {
        target if target.starts_with(b"/") => url.extend_from_slice(target),
        _ => {
            url.extend_from_slice(request.path());
            if !request.query().is_empty() {
                url.push(b'?');
                url.extend_from_slice(request.query());
            }
        }
    }
    Some(url)
}

/// Stricter than URLs are, whose hosts may hold quotes and commas: a name as DNS and containers know them, or an address.
fn is_host(host: &[u8]) -> bool {
    let is_in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    match host {
        // The parser has seen to what is between them.
        [b'[', .., b']'] => true,
        name => !name.is_empty() && name.iter().all(is_in_name),
    }
}
