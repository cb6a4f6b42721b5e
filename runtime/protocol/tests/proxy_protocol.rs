//! Headers of the PROXY protocol: what the specification allows is read, everything else is a fault with a name.

use core::net::SocketAddrV4;

use proptest::prelude::*;
use turbo_shard_protocol::proxy_protocol::{
    ProxyEnds, ProxyFacts, ProxyFault, ProxyHeader, ProxyParse,
};
use turbo_shard_protocol::{PROXY_HEADER_BYTES_MAX, PROXY_UNIQUE_ID_BYTES_MAX};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V4: &[u8] = &[192, 0, 2, 1, 192, 0, 2, 2, 0xdd, 0xd5, 0x01, 0xbb];

/// Of the second version.
fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, rest].concat()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], value].concat()
}

fn tcp(client: &str, server: &str) -> ProxyEnds {
    ProxyEnds::Tcp {
        client: client.parse().unwrap(),
        server: server.parse().unwrap(),
    }
}

/// Parses it whole, then as it comes byte by byte, and expects the same.
fn parsed(bytes: &[u8]) -> Result<ProxyHeader, ProxyFault> {
    let whole = ProxyHeader::parse(bytes);
    let dripping = (1..=bytes.len())
        .map(|end| ProxyHeader::parse(&bytes[..end]))
        .find(|parse| *parse != Ok(ProxyParse::Partial))
        .unwrap_or(Ok(ProxyParse::Partial));
    assert_eq!(whole, dripping, "{}", bytes.escape_ascii());
    match whole? {
        ProxyParse::Complete(header) => Ok(header),
        ProxyParse::Partial => panic!("{} is no whole header", bytes.escape_ascii()),
    }
}

#[test]
fn lines_of_the_first_version_are_read() {
    let unknown_longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 16));
    for (line, ends) in [
        (
            "PROXY TCP4 192.0.2.1 192.0.2.2 56789 443\r\n",
            tcp("192.0.2.1:56789", "192.0.2.2:443"),
        ),
        (
            "PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n",
            tcp("[2001:db8::1]:0", "[2001:db8::2]:65535"),
        ),
        ("PROXY UNKNOWN\r\n", ProxyEnds::Own),
        ("PROXY UNKNOWN ffff:f 1 2\r\n", ProxyEnds::Own),
        (&unknown_longest, ProxyEnds::Own),
    ] {
        let header = parsed(line.as_bytes()).unwrap();
        assert_eq!((header.ends, header.length), (ends, line.len()), "{line}");
        assert_eq!(header.facts, ProxyFacts::default());
    }
}

#[test]
fn other_lines_are_faults() {
    let malformed = ProxyFault::Malformed;
    let too_long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(108 - 16));
    for (line, fault) in [
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", malformed),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", malformed),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", malformed),
        ("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n", malformed),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", malformed),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", malformed),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", malformed),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n", malformed),
        ("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", malformed),
        ("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", malformed),
        ("PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", malformed),
        ("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", malformed),
        ("PROXY TCP4 192.0.2.1 \u{e9} 1 2\r\n", malformed),
        ("PROXY \r\n", malformed),
        (&too_long, ProxyFault::TooLong),
        ("GET / HTTP/1.1\r\n", ProxyFault::Missing),
        ("PROXy TCP4", ProxyFault::Missing),
        ("\r\n\r\nGET", ProxyFault::Missing),
    ] {
        assert_eq!(parsed(line.as_bytes()), Err(fault), "{line}");
    }
}

#[test]
fn families_of_the_second_version_are_read() {
    let v6 = [
        [0x20, 0x01, 0x0d, 0xb8].as_slice(),
        &[0; 11],
        &[1],
        &[0x20, 0x01, 0x0d, 0xb8],
        &[0; 11],
        &[2],
        &[0, 1, 0, 2],
    ]
    .concat();
    let mut unix = [0; 216];
    unix[..8].copy_from_slice(b"/run/a.s");
    unix[108..116].copy_from_slice(b"/run/b.s");
    for (bytes, ends) in [
        (
            header(0x21, 0x11, V4),
            tcp("192.0.2.1:56789", "192.0.2.2:443"),
        ),
        (
            header(0x21, 0x21, &v6),
            tcp("[2001:db8::1]:1", "[2001:db8::2]:2"),
        ),
        (
            header(0x21, 0x31, &unix),
            ProxyEnds::Unix {
                client: b"/run/a.s".to_vec(),
                server: b"/run/b.s".to_vec(),
            },
        ),
        (header(0x21, 0x00, b""), ProxyEnds::Own),
        (header(0x21, 0x00, b"anything"), ProxyEnds::Own),
        (header(0x20, 0x00, b""), ProxyEnds::Own),
        (header(0x20, 0x11, V4), ProxyEnds::Own),
        (header(0x20, 0x77, b"anything"), ProxyEnds::Own),
    ] {
        let length = bytes.len();
        let header = parsed(&bytes).unwrap();
        assert_eq!((header.ends, header.length), (ends, length));
    }
}

#[test]
fn what_follows_a_header_is_not_its_own() {
    let mut bytes = header(0x21, 0x11, V4);
    let length = bytes.len();
    bytes.extend_from_slice(b"GET / HTTP/1.1\r\n");
    assert_eq!(parsed(&bytes).unwrap().length, length);
    let line = b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n";
    assert_eq!(parsed(line).unwrap().length, 15);
}

#[test]
fn facts_of_the_second_version_are_read_and_unknown_ones_skipped() {
    let tlvs = [
        tlv(0x01, b"http/1.1"),
        tlv(0x02, b"example.com"),
        tlv(0x04, &[0; 7]),
        tlv(0x05, b"id-7"),
        tlv(
            0x20,
            &[&[0x01, 0, 0, 0, 0], tlv(0x21, b"TLSv1.3").as_slice()].concat(),
        ),
        tlv(0xea, b"of a cloud"),
    ]
    .concat();
    let facts = parsed(&header(0x21, 0x11, &[V4, &tlvs].concat()))
        .unwrap()
        .facts;
    assert!(!facts.is_empty());
    assert_eq!(
        facts,
        ProxyFacts {
            alpn: Some(b"http/1.1".to_vec()),
            authority: Some("example.com".into()),
            unique_id: Some(b"id-7".to_vec()),
            is_secure: Some(true),
        }
    );
    let plain = header(0x21, 0x11, &[V4, &tlv(0x20, &[0, 0, 0, 0, 1])].concat());
    assert_eq!(parsed(&plain).unwrap().facts.is_secure, Some(false));
}

#[test]
fn a_checksum_is_checked_where_there_is_one() {
    // Made by the algorithm of RFC 3720, bit by bit, and not by the code under test.
    let crc = |bytes: &[u8]| {
        let mut sum = !0u32;
        for byte in bytes {
            sum ^= u32::from(*byte);
            for _ in 0..8 {
                sum = (sum >> 1) ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
            }
        }
        !sum
    };
    let tlvs = [tlv(0x03, &[0; 4]), tlv(0x05, b"x")].concat();
    let mut bytes = header(0x21, 0x11, &[V4, &tlvs].concat());
    let sum = crc(&bytes).to_be_bytes();
    bytes[31..35].copy_from_slice(&sum);
    assert_eq!(parsed(&bytes).unwrap().facts.unique_id, Some(b"x".to_vec()));
    for at in 16..bytes.len() {
        // Lengths of values have faults of their own.
        if matches!(at, 28..31 | 35..38) {
            continue;
        }
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        assert_eq!(parsed(&wrong), Err(ProxyFault::ChecksumWrong), "byte {at}");
    }
}

#[test]
fn other_headers_of_the_second_version_are_faults() {
    let malformed = ProxyFault::Malformed;
    let with = |tlv: &[u8]| header(0x21, 0x11, &[V4, tlv].concat());
    let long = vec![0; PROXY_UNIQUE_ID_BYTES_MAX + 1];
    for (bytes, fault) in [
        (header(0x11, 0x11, V4), ProxyFault::Unsupported),
        (header(0x22, 0x11, V4), malformed),
        (header(0x21, 0x12, V4), ProxyFault::Unsupported),
        (header(0x21, 0x41, V4), ProxyFault::Unsupported),
        (header(0x21, 0x11, &V4[..11]), malformed),
        (header(0x21, 0x21, V4), malformed),
        (header(0x21, 0x31, V4), malformed),
        (with(&[0x01]), malformed),
        (with(&[0x01, 0, 2, b'h']), malformed),
        (with(&tlv(0x02, b"\xff")), malformed),
        (with(&tlv(0x03, &[0; 3])), malformed),
        (with(&tlv(0x05, &long)), malformed),
        (with(&tlv(0x20, b"")), malformed),
        (with(&vec![0; PROXY_HEADER_BYTES_MAX]), ProxyFault::TooLong),
    ] {
        assert_eq!(parsed(&bytes), Err(fault), "{}", bytes.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whatever_comes_is_read_the_same_whole_and_in_pieces(
        start in prop_oneof![Just(SIGNATURE.to_vec()), Just(b"PROXY ".to_vec()), Just(Vec::new())],
        family in prop_oneof![Just(vec![0x21, 0x11, 0, 20]), Just(vec![0x21, 0x31, 0, 216]), Just(b"TCP4 ".to_vec())],
        rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [start, family, rest].concat();
        let whole = ProxyHeader::parse(&bytes);
        let dripping = (0..=bytes.len())
            .map(|end| ProxyHeader::parse(&bytes[..end]))
            .find(|parse| *parse != Ok(ProxyParse::Partial))
            .unwrap_or(Ok(ProxyParse::Partial));
        prop_assert_eq!(&whole, &dripping);
        if let Ok(ProxyParse::Complete(header)) = whole {
            prop_assert!(header.length <= bytes.len());
        }
    }

    #[test]
    fn both_versions_tell_the_same_ends(client: SocketAddrV4, server: SocketAddrV4) {
        let line = format!(
            "PROXY TCP4 {} {} {} {}\r\n", client.ip(), server.ip(), client.port(), server.port()
        );
        let rest = [
            client.ip().octets().as_slice(), &server.ip().octets(),
            &client.port().to_be_bytes(), &server.port().to_be_bytes(),
        ].concat();
        let ends = ProxyEnds::Tcp { client: client.into(), server: server.into() };
        prop_assert_eq!(&parsed(line.as_bytes()).unwrap().ends, &ends);
        prop_assert_eq!(&parsed(&header(0x21, 0x11, &rest)).unwrap().ends, &ends);
    }
}
