//! A request as its shard has noted it, in bytes: what a ring carries. Knows neither rings nor formats.
//!
//! Its length, then what every request has at fixed places, then fields: a tag, a number, a length, and bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::connection_info::{Address, TlsFacts};
use crate::metrics::route_names::RouteId;

/// Longest text that is kept of a request's target; the rest becomes `...`.
pub(crate) const TARGET_BYTES_MAX: usize = 4096;
/// Longest text that is kept of any other part of a request or an answer.
pub(crate) const TEXT_BYTES_MAX: usize = 1024;
const CUT_OFF: &[u8] = b"...";

/// Length, and what [`Fixed`] has.
const FIXED_BYTES: usize = 4 + 8 + 8 + 8 + 4 + 2 + 1 + 1;
const FIELD_HEAD_BYTES: usize = 4;

const _: () = assert!(TARGET_BYTES_MAX + CUT_OFF.len() <= u16::MAX as usize);

/// What every record has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fixed {
    /// Nanoseconds after the log's origin.
    pub(crate) ended_ns: u64,
    pub(crate) took_ns: u64,
    pub(crate) body_bytes: u64,
    pub(crate) route: RouteId,
    pub(crate) status: u16,
    pub(crate) protocol: Protocol,
    pub(crate) is_whole: bool,
}

/// What the request was sent in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// No request line was understood.
    #[default]
    Unknown,
    Http10,
    Http11,
    Http2,
}

impl Protocol {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Protocol::Unknown => "-",
            Protocol::Http10 => "HTTP/1.0",
            Protocol::Http11 => "HTTP/1.1",
            // As nginx and Caddy write it.
            Protocol::Http2 => "HTTP/2.0",
        }
    }
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    ClientTcp,
    ClientUnix,
    Method,
    Target,
    /// The beginning of what was sent, where no request was understood.
    Raw,
    User,
    RequestField,
    AnswerField,
    /// Version and cipher suite of TLS.
    Tls,
    /// The host that the handshake has asked for.
    ServerName,
    /// Whose the client's certificate is.
    ClientCertificate,
}

/// Begins a record; [`finish`] completes it.
pub(crate) fn begin(record: &mut Vec<u8>) {
    record.clear();
    record.resize(FIXED_BYTES, 0);
}

pub(crate) fn push_client(record: &mut Vec<u8>, client: &Address) {
    match client {
        Address::Tcp(address) => {
            let port = address.port().to_le_bytes();
            match address.ip() {
                IpAddr::V4(ip) => push_parts(record, Tag::ClientTcp, 0, &[&port, &ip.octets()]),
                IpAddr::V6(ip) => push_parts(record, Tag::ClientTcp, 0, &[&port, &ip.octets()]),
            }
        }
        Address::Unix(_) => push_parts(record, Tag::ClientUnix, 0, &[]),
        // No client is named like a host.
        Address::Named(..) | Address::Unknown => {}
    }
}

pub(crate) fn push_tls(record: &mut Vec<u8>, facts: &TlsFacts) {
    let numbers = [facts.version, facts.cipher_suite].map(u16::to_le_bytes);
    push_parts(record, Tag::Tls, 0, &[&numbers[0], &numbers[1]]);
    if let Some(name) = &facts.server_name {
        push_text(record, Tag::ServerName, 0, name.as_bytes());
    }
    if let Some(name) = &facts.client_name {
        push_text(record, Tag::ClientCertificate, 0, name.as_bytes());
    }
}

/// Adds a text, cut off where it is too long.
pub(crate) fn push_text(record: &mut Vec<u8>, tag: Tag, number: u8, text: &[u8]) {
    let longest = match tag {
        Tag::Target => TARGET_BYTES_MAX,
        _ => TEXT_BYTES_MAX,
    };
    match text.len() <= longest {
        true => push_parts(record, tag, number, &[text]),
        false => push_parts(record, tag, number, &[&text[..longest], CUT_OFF]),
    }
}

fn push_parts(record: &mut Vec<u8>, tag: Tag, number: u8, parts: &[&[u8]]) {
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    record.extend_from_slice(&[tag as u8, number]);
    record.extend_from_slice(&(bytes as u16).to_le_bytes());
    parts.iter().for_each(|part| record.extend_from_slice(part));
}

pub(crate) fn finish(record: &mut [u8], fixed: Fixed) {
    let length = record.len() as u32;
    let (head, _) = record.split_at_mut(FIXED_BYTES);
    let mut left = head;
    let mut put = |bytes: &[u8]| {
        let (place, rest) = std::mem::take(&mut left).split_at_mut(bytes.len());
        place.copy_from_slice(bytes);
        left = rest;
    };
    put(&length.to_le_bytes());
    put(&fixed.ended_ns.to_le_bytes());
    put(&fixed.took_ns.to_le_bytes());
    put(&fixed.body_bytes.to_le_bytes());
    put(&(fixed.route.index() as u32).to_le_bytes());
    put(&fixed.status.to_le_bytes());
    put(&[fixed.protocol as u8, fixed.is_whole.into()]);
}

/// A record as it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) fixed: Fixed,
    fields: &'a [u8],
}

/// The client's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Tcp(SocketAddr),
    Unix,
    /// A proxy has said that it does not tell.
    Unknown,
}

impl<'a> Record<'a> {
    /// The first record of `bytes`, which hold whole ones only, and what follows it. None at their end.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        let (record, rest) = bytes.split_at_checked(length)?;
        let (head, fields) = record.split_at_checked(FIXED_BYTES)?;
        let word = |at: usize| Some(u64::from_le_bytes(*head.get(at..)?.first_chunk()?));
        let fixed = Fixed {
            ended_ns: word(4)?,
            took_ns: word(12)?,
            body_bytes: word(20)?,
            route: RouteId::from_index(u32::from_le_bytes(*head.get(28..)?.first_chunk()?)),
            status: u16::from_le_bytes(*head.get(32..)?.first_chunk()?),
            protocol: match head.get(34)? {
                1 => Protocol::Http10,
                2 => Protocol::Http11,
                3 => Protocol::Http2,
                _ => Protocol::Unknown,
            },
            is_whole: *head.get(35)? != 0,
        };
        Some((Record { fixed, fields }, rest))
    }

    /// The bytes of a field; None where the request had none.
    pub(crate) fn field(&self, tag: Tag, number: u8) -> Option<&'a [u8]> {
        let mut left = self.fields;
        loop {
            let ([found, of, low, high], after) = left.split_first_chunk::<FIELD_HEAD_BYTES>()?;
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            let (bytes, rest) = after.split_at_checked(length)?;
            if (*found, *of) == (tag as u8, number) {
                return Some(bytes);
            }
            left = rest;
        }
    }

    pub(crate) fn text(&self, tag: Tag) -> Option<&'a [u8]> {
        self.field(tag, 0)
    }

    pub(crate) fn client(&self) -> Client {
        let address = self.text(Tag::ClientTcp).and_then(|bytes| {
            let ([low, high], ip) = bytes.split_first_chunk()?;
            let port = u16::from_le_bytes([*low, *high]);
            let ip = match (<[u8; 4]>::try_from(ip), <[u8; 16]>::try_from(ip)) {
                (Ok(ip), _) => IpAddr::V4(Ipv4Addr::from(ip)),
                (_, Ok(ip)) => IpAddr::V6(Ipv6Addr::from(ip)),
                _ => return None,
            };
            Some(SocketAddr::new(ip, port))
        });
        match (address, self.text(Tag::ClientUnix)) {
            (Some(address), _) => Client::Tcp(address),
            (None, Some(_)) => Client::Unix,
            (None, None) => Client::Unknown,
        }
    }

    /// Version and cipher suite of TLS, by their numbers.
    pub(crate) fn tls(&self) -> Option<(u16, u16)> {
        let [v0, v1, c0, c1] = *self.text(Tag::Tls)?.first_chunk()?;
        Some((u16::from_le_bytes([v0, v1]), u16::from_le_bytes([c0, c1])))
    }

    /// The target's path, and its query without the `?`.
    pub(crate) fn path_and_query(&self) -> Option<(&'a [u8], &'a [u8])> {
        let target = self.text(Tag::Target)?;
        Some(match target.iter().position(|&byte| byte == b'?') {
            Some(at) => (&target[..at], &target[at + 1..]),
            None => (target, b""),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let fixed = Fixed {
            ended_ns: 1 << 40,
            took_ns: 123,
            body_bytes: 77,
            route: RouteId::of("/record/{a}"),
            status: 404,
            protocol: Protocol::Http11,
            is_whole: true,
        };
        let mut bytes = Vec::new();
        let mut both = Vec::new();
        for client in ["127.0.0.1:80", "[::1]:443"] {
            begin(&mut bytes);
            push_client(&mut bytes, &Address::Tcp(client.parse().unwrap()));
            push_text(&mut bytes, Tag::Target, 0, b"/a/b?c=1?");
            push_text(&mut bytes, Tag::RequestField, 3, b"curl");
            finish(&mut bytes, fixed);
            both.extend_from_slice(&bytes);
        }
        let (first, rest) = Record::read(&both).unwrap();
        let (second, rest) = Record::read(rest).unwrap();
        assert!(Record::read(rest).is_none());
        assert_eq!(first.fixed, fixed);
        assert_eq!(first.client(), Client::Tcp("127.0.0.1:80".parse().unwrap()));
        assert_eq!(second.client(), Client::Tcp("[::1]:443".parse().unwrap()));
        assert_eq!(second.path_and_query(), Some((&b"/a/b"[..], &b"c=1?"[..])));
        assert_eq!(second.field(Tag::RequestField, 3), Some(&b"curl"[..]));
        assert_eq!(second.field(Tag::RequestField, 2), None);
        assert_eq!(second.text(Tag::Method), None);
    }

    #[test]
    fn long_texts_are_cut_off_and_say_so() {
        let mut bytes = Vec::new();
        begin(&mut bytes);
        push_client(&mut bytes, &Address::Unix(None));
        push_text(&mut bytes, Tag::Target, 0, &[b'a'; 60_000]);
        push_text(&mut bytes, Tag::RequestField, 0, &[b'b'; 60_000]);
        finish(&mut bytes, Fixed::default());
        let (record, _) = Record::read(&bytes).unwrap();
        assert_eq!(record.client(), Client::Unix);
        let target = record.text(Tag::Target).unwrap();
        assert_eq!(target.len(), TARGET_BYTES_MAX + 3);
        assert!(target.ends_with(b"a..."));
        let field = record.field(Tag::RequestField, 0).unwrap();
        assert_eq!(field.len(), TEXT_BYTES_MAX + 3);
    }
}
