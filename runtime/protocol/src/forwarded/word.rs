//! What the trusted proxies of a request say together: the right-most hop that is not trusted is the client.
//!
//! A proxy adds to the right of what has come to it, and a client may send it anything. So lists are read from the right,
//! and only as far as addresses are trusted. `X-Forwarded-*` is taken where any of it is there, and `Forwarded` otherwise:
//! nearly every proxy writes the former and passes a client's own `Forwarded` on as it is.

use core::net::IpAddr;

use crate::forwarded::elements::{Element, Elements, Malformed};
use crate::forwarded::node::{Node, port_number};
use crate::forwarded::x_fields::{self, at_depth, from_right, lines_from_right};
use crate::limits::FORWARDED_HOPS_MAX as HOPS_MAX;
use crate::request_head::RequestHead;
use crate::request_target::is_host;
use crate::syntax::alphanumeric_and;

/// What trusted proxies say of a request. None where they do not say, or say what cannot be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarded<'h> {
    /// Who asked the outermost trusted proxy.
    pub client: Option<Node>,
    /// Whether it asked over TLS.
    pub is_secure: Option<bool>,
    /// The host that it asked for, as `Host` would have it, never empty.
    pub host: Option<&'h [u8]>,
    /// The port that it asked at.
    pub port: Option<u16>,
    /// What proxies have cut off the path: begins with a slash and ends with none, or is empty. Percent-encoded.
    pub prefix: Option<String>,
}

impl<'h> Forwarded<'h> {
    /// Reads it from a head that came from a trusted peer.
    pub fn read(head: RequestHead<'h>, trusts: impl Fn(IpAddr) -> bool) -> Forwarded<'h> {
        let has = |name| lines_from_right(head, name).next().is_some();
        let (mut word, depth) = match [
            x_fields::FOR,
            x_fields::PROTO,
            x_fields::HOST,
            x_fields::PORT,
        ]
        .into_iter()
        .any(has)
        {
            true => Forwarded::of_x_fields(head, &trusts),
            false => Forwarded::of_elements(head, &trusts),
        };
        word.prefix = prefix_of(head, depth);
        word
    }

    /// And how many trusted hops lie between the client and us, besides the peer.
    fn of_x_fields(
        head: RequestHead<'h>,
        trusts: &impl Fn(IpAddr) -> bool,
    ) -> (Forwarded<'h>, usize) {
        let mut client = None;
        let mut depth = 0;
        let hops = from_right(head, x_fields::FOR).take(HOPS_MAX);
        for (at, hop) in hops.map(Node::parse).enumerate() {
            (client, depth) = (Some(hop), at);
            if !hop.is_trusted(trusts) {
                break;
            }
        }
        let part = |name| at_depth(head, name, depth);
        let word = Forwarded {
            client,
            is_secure: part(x_fields::PROTO).and_then(is_secure),
            host: part(x_fields::HOST).and_then(usable_host),
            port: part(x_fields::PORT).and_then(port_number),
            prefix: None,
        };
        (word, depth)
    }

    fn of_elements(
        head: RequestHead<'h>,
        trusts: &impl Fn(IpAddr) -> bool,
    ) -> (Forwarded<'h>, usize) {
        let mut word = Forwarded::default();
        let mut hops = 0;
        'lines: for line in lines_from_right(head, b"forwarded") {
            let Ok(elements) = Elements::of(line) else {
                word.client = Some(Node::Unknown);
                break;
            };
            for element in elements.last_first() {
                hops += 1;
                if !word.add(element, trusts) || hops == HOPS_MAX {
                    break 'lines;
                }
            }
        }
        (word, hops.saturating_sub(1))
    }

    /// Takes in the element of a hop further away, which knows better. Returns whether the one before it is believed.
    fn add(
        &mut self,
        element: Result<Element<'h>, Malformed>,
        trusts: &impl Fn(IpAddr) -> bool,
    ) -> bool {
        let Ok(element) = element else {
            self.client = Some(Node::Unknown);
            return false;
        };
        self.is_secure = element.proto.and_then(is_secure).or(self.is_secure);
        self.host = element.host.and_then(usable_host).or(self.host);
        // Without `for` it is not known who came before, let alone whether to believe it.
        let client = element.node.map(Node::parse);
        self.client = client.or(self.client);
        client.is_some_and(|client| client.is_trusted(trusts))
    }
}

fn is_secure(proto: &[u8]) -> Option<bool> {
    let is = |known: &[u8]| proto.eq_ignore_ascii_case(known);
    match () {
        () if is(b"https") || is(b"wss") => Some(true),
        () if is(b"http") || is(b"ws") => Some(false),
        () => None,
    }
}

fn usable_host(host: &[u8]) -> Option<&[u8]> {
    let (name, _) = split_port(host)?;
    (is_host(host) && !name.is_empty()).then_some(host)
}

/// Name and port of a `Host`; None if what stands for a port is none.
pub fn split_port(host: &[u8]) -> Option<(&[u8], Option<u16>)> {
    match memchr::memrchr(b':', host) {
        Some(colon) if !host.ends_with(b"]") => {
            let port = port_number(&host[colon + 1..])?;
            Some((&host[..colon], Some(port)))
        }
        _ => Some((host, None)),
    }
}

/// What proxies have cut off, the outermost first. All of it counts or nothing.
fn prefix_of(head: RequestHead<'_>, depth: usize) -> Option<String> {
    let mut parts = [&[][..]; HOPS_MAX];
    let mut count = 0;
    for part in from_right(head, x_fields::PREFIX).take(depth + 1) {
        parts[count] = part;
        count += 1;
    }
    if count == 0 {
        return None;
    }
    let mut prefix = String::new();
    for part in parts[..count].iter().rev() {
        prefix.push_str(usable_prefix(part)?);
    }
    Some(prefix)
}

/// `pchar` and the slash of RFC 3986.
static PATH: [bool; 256] = alphanumeric_and(b"-._~!$&'()*+,;=:@%/");

/// A path without the slashes at its end. One that begins with two slashes would be a host in the links that apps make.
fn usable_prefix(part: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(part).ok()?;
    let is_path = part.iter().all(|&byte| PATH[usize::from(byte)]);
    let is_rooted = text.starts_with('/') && !text.contains("//");
    let path = text.strip_suffix('/').unwrap_or(text);
    (is_path && is_rooted && is_escaped(part)).then_some(path)
}

/// Each `%` is followed by two hexadecimal digits.
fn is_escaped(path: &[u8]) -> bool {
    memchr::memchr_iter(b'%', path).all(|at| {
        let digits = path.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
#[path = "word_tests.rs"]
mod tests;
