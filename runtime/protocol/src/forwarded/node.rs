//! One hop of a request as a proxy names it: an address, or a word that hides one. Knows no fields.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who sent a request to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// Address and port; the port is 0 where it was not told. An IPv4 address in IPv6 is IPv4.
    Address(IpAddr, u16),
    /// `unknown`, an obfuscated identifier (`_hidden`), or what is no address at all.
    Unknown,
}

impl Node {
    /// Reads `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, and `2001:db8::1` as `X-Forwarded-For` has it.
    pub(super) fn parse(text: &[u8]) -> Node {
        let address = match text {
            [b'[', rest @ ..] => bracketed(rest),
            _ => v4(text).or_else(|| bare_v6(text)),
        };
        address.map_or(Node::Unknown, |(ip, port)| {
            Node::Address(ip.to_canonical(), port)
        })
    }

    /// Whether the hop is one that may be believed in its turn.
    pub(super) fn is_trusted(self, trusts: &impl Fn(IpAddr) -> bool) -> bool {
        match self {
            Node::Address(ip, _) => trusts(ip),
            Node::Unknown => false,
        }
    }
}

/// What follows the opening bracket.
fn bracketed(rest: &[u8]) -> Option<(IpAddr, u16)> {
    let end = memchr::memchr(b']', rest)?;
    let (ip, _) = bare_v6(&rest[..end])?;
    Some((ip, port(&rest[end + 1..])?))
}

fn bare_v6(text: &[u8]) -> Option<(IpAddr, u16)> {
    let ip: Ipv6Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some((ip.into(), 0))
}

fn v4(text: &[u8]) -> Option<(IpAddr, u16)> {
    let end = memchr::memchr(b':', text).unwrap_or(text.len());
    let ip: Ipv4Addr = std::str::from_utf8(&text[..end]).ok()?.parse().ok()?;
    Some((ip.into(), port(&text[end..])?))
}

/// A port with its colon, if there is any. An obfuscated one (`:_p`) is not told (RFC 7239 section 6).
fn port(text: &[u8]) -> Option<u16> {
    match text {
        [] | [b':', b'_', _, ..] => Some(0),
        [b':', digits @ ..] => port_number(digits),
        _ => None,
    }
}

/// 1 to 65535 in at most five digits.
pub(super) fn port_number(digits: &[u8]) -> Option<u16> {
    if digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let port = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (port != 0).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_port() {
        for (text, ip, port) in [
            ("192.0.2.1", "192.0.2.1", 0),
            ("192.0.2.1:80", "192.0.2.1", 80),
            ("192.0.2.1:_p", "192.0.2.1", 0),
            ("2001:db8::1", "2001:db8::1", 0),
            ("[2001:db8::1]", "2001:db8::1", 0),
            ("[2001:db8::1]:65535", "2001:db8::1", 65535),
            ("::ffff:192.0.2.1", "192.0.2.1", 0),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1", 1),
        ] {
            let expected = Node::Address(ip.parse().unwrap(), port);
            assert_eq!(Node::parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_unknown() {
        for text in [
            "",
            "unknown",
            "_hidden",
            "_hidden:80",
            "localhost",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.1:",
            "192.0.2.1:0",
            "192.0.2.1:65536",
            "192.0.2.1:080000",
            "192.0.2.1:8a",
            "192.0.2.1:+8",
            "192.0.2.1:_",
            " 192.0.2.1",
            "0x7f.0.0.1",
            "127.0.0.01",
            "[2001:db8::1",
            "[2001:db8::1]80",
            "[192.0.2.1]",
            "[fe80::1%eth0]",
            "2001:db8::1]",
            ":",
            "[",
            "[]",
        ] {
            assert_eq!(Node::parse(text.as_bytes()), Node::Unknown, "{text}");
        }
        assert_eq!(Node::parse(b"192.0.2.\xff"), Node::Unknown);
    }
}
