//! The first version: one line of text.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::proxy_protocol::values::{ProxyEnds, ProxyFacts, ProxyFault, ProxyHeader, ProxyParse};

pub(super) const SIGNATURE: &[u8] = b"PROXY ";
/// The longest line with its end, by the specification: that of `UNKNOWN` with addresses of IPv6.
const LINE_BYTES_MAX: usize = 107;

pub(super) fn parse(bytes: &[u8]) -> Result<ProxyParse, ProxyFault> {
    let within = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(line_feed) = memchr::memchr(b'\n', within) else {
        return match within.len() {
            LINE_BYTES_MAX => Err(ProxyFault::TooLong),
            _ => Ok(ProxyParse::Partial),
        };
    };
    let line = within[..line_feed]
        .strip_suffix(b"\r")
        .and_then(|line| std::str::from_utf8(line).ok())
        .ok_or(ProxyFault::Malformed)?;
    Ok(ProxyParse::Complete(ProxyHeader {
        ends: ends(line)?,
        facts: ProxyFacts::default(),
        length: line_feed + 1,
    }))
}

fn ends(line: &str) -> Result<ProxyEnds, ProxyFault> {
    let mut words = line.split(' ').skip(1);
    let family = words.next();
    if family == Some("UNKNOWN") {
        // Whatever follows does not count.
        return Ok(ProxyEnds::Own);
    }
    let parts = [words.next(), words.next(), words.next(), words.next()];
    let (
        [
            Some(client),
            Some(server),
            Some(client_port),
            Some(server_port),
        ],
        None,
    ) = (parts, words.next())
    else {
        return Err(ProxyFault::Malformed);
    };
    let ip = match family {
        Some("TCP4") => address::<Ipv4Addr>,
        Some("TCP6") => address::<Ipv6Addr>,
        _ => return Err(ProxyFault::Malformed),
    };
    let socket = |text, digits| Some(SocketAddr::new(ip(text)?, port(digits)?));
    match (socket(client, client_port), socket(server, server_port)) {
        (Some(client), Some(server)) => Ok(ProxyEnds::Tcp { client, server }),
        _ => Err(ProxyFault::Malformed),
    }
}

fn address<T: FromStr + Into<IpAddr>>(text: &str) -> Option<IpAddr> {
    text.parse::<T>().ok().map(Into::into)
}

/// Digits without a zero in front of others.
fn port(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = digits == "0" || !digits.starts_with('0');
    match is_number && is_plain {
        true => digits.parse().ok(),
        false => None,
    }
}
