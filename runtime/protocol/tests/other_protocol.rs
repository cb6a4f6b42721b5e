//! Bytes of other protocols are refused by their names, however they are cut into pieces.

#[path = "driver/driver.rs"]
mod driver;

use driver::{at, connection};
use turbo_shard_protocol::{Event, HeaderLines, Limits, Violation};

const PROXY_V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02GET / HTTP/1.1\r\n\r\n";

/// What pieces that come one after the other are refused for; None as long as they are not.
fn refusal<'a>(pieces: impl Iterator<Item = &'a [u8]>, has_eof: bool) -> Option<Violation> {
    let mut connection = connection(Limits::sample());
    for piece in pieces {
        connection.receive(at(0), piece);
        match connection.next_event(at(0)) {
            Event::NeedMore => {}
            Event::Refused(violation) => return Some(violation),
            event => panic!("{event:?}"),
        }
    }
    if has_eof {
        connection.receive_eof(at(0));
        if let Event::Refused(violation) = connection.next_event(at(0)) {
            return Some(violation);
        }
    }
    None
}

#[test]
fn each_is_named_whole_byte_by_byte_and_in_two_pieces() {
    for (bytes, violation) in [
        (
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            Violation::TlsRecord,
        ),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Violation::Http2Preface),
        (PROXY_V2, Violation::ProxyHeader),
        (
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            Violation::ProxyHeader,
        ),
        (
            b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            Violation::ProxyHeader,
        ),
        (b"\x81\x85\x01\x02\x03\x04hello", Violation::WebSocketFrame),
        (b"\x88\x80\x01\x02\x03\x04", Violation::WebSocketFrame),
    ] {
        assert_eq!(
            refusal([bytes].into_iter(), false),
            Some(violation),
            "{violation}"
        );
        assert_eq!(
            refusal(bytes.chunks(1), false),
            Some(violation),
            "{violation}"
        );
        for cut in 1..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            let pieces = [first, second].into_iter();
            assert_eq!(
                refusal(pieces, false),
                Some(violation),
                "{violation} cut at {cut}"
            );
        }
    }
}

#[test]
fn what_is_only_nearly_one_of_them_is_malformed() {
    for bytes in [
        &b"\x16\x02"[..],
        b"\x17\x03\x01",
        b"\r\n\r\n\0\r\nQUIX",
        b"\0\x01",
        b"\x81\x05",
        b"\x80\x80",
    ] {
        let malformed = Some(Violation::RequestLineMalformed);
        assert_eq!(refusal([bytes].into_iter(), false), malformed, "{bytes:?}");
        assert_eq!(refusal(bytes.chunks(1), false), malformed, "{bytes:?}");
    }
    assert_eq!(
        refusal([&b"PROXY /a HTTP/1.1\r\n\r\n"[..]].into_iter(), false),
        Some(Violation::HostMissing)
    );
}

#[test]
fn an_end_leaves_nothing_unclear() {
    for bytes in [&b"\x16"[..], b"\x81", b"\r\n\r\n\0\r\nQ"] {
        assert_eq!(refusal([bytes].into_iter(), false), None, "{bytes:?}");
        let malformed = Some(Violation::RequestLineMalformed);
        assert_eq!(refusal([bytes].into_iter(), true), malformed, "{bytes:?}");
    }
}

#[test]
fn a_server_of_http2_takes_its_preface_as_the_first_bytes_of_a_connection_only() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let limits = || Limits {
        http2_streams_max: 1,
        ..Limits::sample()
    };
    for size in [1, 5, 18, 20, PREFACE.len()] {
        let mut connection = connection(limits());
        let mut left = None;
        for piece in PREFACE.chunks(size) {
            connection.receive(at(0), piece);
            match connection.next_event(at(0)) {
                Event::NeedMore => {}
                Event::Http2 => {
                    left = Some(connection.leave_http().0.input);
                    break;
                }
                event => panic!("{event:?}"),
            }
        }
        let left = left.expect("HTTP/2 was seen");
        assert!(left.len() >= 18 && PREFACE.starts_with(&left));
    }
    for before in [&b"\r\n"[..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut connection = connection(limits());
        connection.receive(at(0), before);
        if connection.next_event(at(0)) == Event::Head {
            let lines = driver::server_lines();
            let mut response = connection.response(&lines);
            response.whole(200, &HeaderLines::new(), b"").unwrap();
            assert_eq!(connection.next_event(at(0)), Event::ExchangeDone);
        }
        connection.receive(at(0), PREFACE);
        let refused = Event::Refused(Violation::Http2Preface);
        assert_eq!(connection.next_event(at(0)), refused);
    }
}
