//! A header of the PROXY protocol: found as soon as it is complete and not before, whatever follows it; written out again
//! in either version it says the same.

use std::net::SocketAddr;

use turbo_shard_protocol::proxy_protocol::{ProxyEnds, ProxyFault, ProxyHeader, ProxyParse};
use turbo_shard_protocol::{PROXY_HEADER_BYTES_MAX, PROXY_UNIQUE_ID_BYTES_MAX};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V1_BYTES_MAX: usize = 107;

pub(crate) fn check(input: &[u8]) {
    let whole = ProxyHeader::parse(input);
    for end in 0..input.len() {
        match ProxyHeader::parse(&input[..end]) {
            Ok(ProxyParse::Partial) => assert!(end < PROXY_HEADER_BYTES_MAX),
            // What follows changes nothing.
            decided => assert_eq!(decided, whole, "after {end} bytes"),
        }
    }
    let Ok(ProxyParse::Complete(header)) = whole else {
        return;
    };
    assert!((1..=input.len().min(PROXY_HEADER_BYTES_MAX)).contains(&header.length));
    let before = ProxyHeader::parse(&input[..header.length - 1]);
    assert_eq!(before, Ok(ProxyParse::Partial), "it was complete before");
    check_facts(&header, &input[..header.length]);
    if let ProxyEnds::Tcp { client, server } = header.ends {
        assert_eq!(client.is_ipv4(), server.is_ipv4());
        assert_eq!(ends_of(&v1(client, server)), Ok(header.ends.clone()));
    }
    let again = v2(&header);
    let Ok(ProxyParse::Complete(same)) = ProxyHeader::parse(&again) else {
        panic!("{header:?} written again is no header");
    };
    assert_eq!((&same.ends, &same.facts), (&header.ends, &header.facts));
    assert_eq!(same.length, again.len());
    check_checksum(&again, &header);
}

fn check_facts(header: &ProxyHeader, bytes: &[u8]) {
    let facts = &header.facts;
    if !bytes.starts_with(SIGNATURE) {
        assert!(facts.is_empty() && facts.is_secure.is_none());
        assert!(bytes.len() <= V1_BYTES_MAX && bytes.ends_with(b"\r\n"));
    }
    if let Some(id) = &facts.unique_id {
        assert!(id.len() <= PROXY_UNIQUE_ID_BYTES_MAX);
    }
    let parts = [
        &facts.alpn,
        &facts.unique_id,
        &facts.authority.clone().map(String::into_bytes),
    ];
    for part in parts.into_iter().flatten().filter(|part| !part.is_empty()) {
        assert!(bytes.windows(part.len()).any(|at| at == &part[..]));
    }
}

/// With a right checksum it says the same; with a wrong one, nothing.
fn check_checksum(bytes: &[u8], header: &ProxyHeader) {
    if matches!(header.ends, ProxyEnds::Own) {
        return;
    }
    let mut bytes = with_tlvs(bytes, &[0x03, 0, 4, 0, 0, 0, 0]);
    if bytes.len() > PROXY_HEADER_BYTES_MAX {
        return;
    }
    let place = bytes.len() - 4;
    let sum = crc32c(&bytes);
    bytes[place..].copy_from_slice(&sum.to_be_bytes());
    let Ok(ProxyParse::Complete(same)) = ProxyHeader::parse(&bytes) else {
        panic!("a right checksum is refused");
    };
    assert_eq!(same.facts, header.facts);
    bytes[place] ^= 1;
    assert_eq!(ProxyHeader::parse(&bytes), Err(ProxyFault::ChecksumWrong));
}

fn ends_of(bytes: &[u8]) -> Result<ProxyEnds, ProxyFault> {
    match ProxyHeader::parse(bytes)? {
        ProxyParse::Complete(header) => Ok(header.ends),
        ProxyParse::Partial => panic!("{:?} is no header", bytes.escape_ascii().to_string()),
    }
}

/// The header as a proxy writes it in version 1.
fn v1(client: SocketAddr, server: SocketAddr) -> Vec<u8> {
    let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (client.ip(), server.ip());
    let (from_port, to_port) = (client.port(), server.port());
    format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
}

/// The header as a proxy writes it in version 2.
fn v2(header: &ProxyHeader) -> Vec<u8> {
    let (family, ends) = match &header.ends {
        ProxyEnds::Own => (0x00, Vec::new()),
        ProxyEnds::Tcp { client, server } => (
            if client.is_ipv4() { 0x11 } else { 0x21 },
            [
                octets(client),
                octets(server),
                client.port().to_be_bytes().to_vec(),
                server.port().to_be_bytes().to_vec(),
            ]
            .concat(),
        ),
        ProxyEnds::Unix { client, server } => (0x31, [path(client), path(server)].concat()),
    };
    let mut bytes = [SIGNATURE, &[0x21, family, 0, 0]].concat();
    bytes.extend_from_slice(&ends);
    let facts = &header.facts;
    let authority = facts
        .authority
        .as_ref()
        .map(|name| name.as_bytes().to_vec());
    let secure = facts.is_secure.map(|is_secure| vec![u8::from(is_secure)]);
    let mut tlvs = Vec::new();
    for (kind, value) in [
        (0x01, &facts.alpn),
        (0x02, &authority),
        (0x05, &facts.unique_id),
        (0x20, &secure),
    ] {
        if let Some(value) = value {
            tlvs.push(kind);
            tlvs.extend_from_slice(&(value.len() as u16).to_be_bytes());
            tlvs.extend_from_slice(value);
        }
    }
    with_tlvs(&bytes, &tlvs)
}

fn with_tlvs(header: &[u8], tlvs: &[u8]) -> Vec<u8> {
    let mut bytes = [header, tlvs].concat();
    let length = (bytes.len() - 16) as u16;
    bytes[14..16].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn octets(end: &SocketAddr) -> Vec<u8> {
    match end {
        SocketAddr::V4(end) => end.ip().octets().to_vec(),
        SocketAddr::V6(end) => end.ip().octets().to_vec(),
    }
}

fn path(path: &[u8]) -> Vec<u8> {
    let mut bytes = path.to_vec();
    bytes.resize(108, 0);
    bytes
}

/// CRC32C bit by bit (RFC 3720 appendix B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0x82f6_3b78 * (sum & 1));
        }
    }
    !sum
}
