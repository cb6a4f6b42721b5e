//! Tests of requests as HTTP/2 writes them: what is one, and what must not be.

use super::*;
use crate::request_head::RequestHead;

const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/a?b=c"),
    (":authority", "example.com"),
];

/// The fields in the order of a request's head, or what is wrong.
fn head_of(fields: &[(&str, &str)], has_ended: bool) -> Result<Vec<String>, HeadFault> {
    let (mut bytes, mut index) = (Vec::new(), HeadIndex::new());
    let limits = Limits {
        head_bytes_max: 1000,
        header_fields_max: 6,
        target_bytes_max: 100,
        ..Limits::sample()
    };
    let mut draft = HeadDraft::new(&mut bytes, &mut index, &limits, true);
    for (name, value) in fields {
        draft.take(name.as_bytes(), value.as_bytes());
    }
    draft.finish(has_ended)?;
    let head = RequestHead::new(&bytes, &index);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let line = [head.method_bytes(), head.path(), head.query()]
        .map(text)
        .join(" ");
    let fields = head
        .headers()
        .map(|(name, value)| format!("{}={}", text(name), text(value)));
    Ok([line].into_iter().chain(fields).collect())
}

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [&GET[..], more].concat()
}

#[test]
fn authority_becomes_host_and_fields_follow() {
    let head = head_of(&with(&[("accept", "*/*"), ("te", "trailers")]), true);
    let expected = [
        "GET /a b=c",
        "host=example.com",
        "accept=*/*",
        "te=trailers",
    ];
    assert_eq!(head.unwrap(), expected);
    let named_by_host = [GET[0], GET[1], GET[2], ("host", "example.com")];
    assert_eq!(
        head_of(&named_by_host, true).unwrap()[1],
        "host=example.com"
    );
    let both = head_of(&with(&[("host", "EXAMPLE.com")]), true).unwrap();
    assert_eq!(both, ["GET /a b=c", "host=example.com"]);
}

#[test]
fn cookies_become_one_field() {
    let fields = with(&[
        ("cookie", "a=1"),
        ("x-y", "z"),
        ("cookie", "b=2"),
        ("cookie", "c=3"),
    ]);
    let head = head_of(&fields, true).unwrap();
    assert_eq!(head[2..], ["cookie=a=1; b=2; c=3", "x-y=z"]);
}

#[test]
fn what_is_no_request_is_malformed() {
    let order = [GET[0], GET[1], ("accept", "*/*"), GET[2], GET[3]];
    for fields in [
        GET[1..].to_vec(),
        vec![GET[0], GET[2], GET[3]],
        vec![GET[0], GET[1], GET[3]],
        order.to_vec(),
        with(&[(":method", "GET")]),
        with(&[(":status", "200")]),
        with(&[(":protocol", "websocket")]),
        with(&[("", "empty")]),
        with(&[("Accept", "*/*")]),
        with(&[("a b", "c")]),
        with(&[("a:", "c")]),
        with(&[("a", "b\r\nc: d")]),
        with(&[("a", "b\0")]),
        with(&[("a", " b")]),
        with(&[("a", "b\t")]),
        with(&[("connection", "close")]),
        with(&[("keep-alive", "5")]),
        with(&[("proxy-connection", "close")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("upgrade", "websocket")]),
        with(&[("te", "gzip")]),
        with(&[("content-length", "+5")]),
        with(&[("content-length", "0"), ("content-length", "0")]),
        with(&[("content-length", "5")]), // and no body
        with(&[("host", "example.org")]),
        vec![("content-length", "0")],
        vec![(":method", "CONNECT")],
        vec![(":method", "CONNECT"), GET[1], GET[3]],
        vec![(":method", "CONNECT"), GET[2], GET[3]],
    ] {
        assert_eq!(
            head_of(&fields, true),
            Err(HeadFault::Malformed),
            "{fields:?}"
        );
    }
    for path in ["", "a", "*", "http://example.com/", "/a b", "/a\r\n"] {
        let fields = [GET[0], GET[1], (":path", path), GET[3]];
        assert_eq!(
            head_of(&fields, true),
            Err(HeadFault::Malformed),
            "{path:?}"
        );
    }
    for method in ["", "GE T", "GET\r"] {
        let fields = [(":method", method), GET[1], GET[2], GET[3]];
        assert_eq!(
            head_of(&fields, true),
            Err(HeadFault::Malformed),
            "{method:?}"
        );
    }
}

#[test]
fn what_breaks_a_rule_of_http_is_answered() {
    let long = "x".repeat(200);
    let many: Vec<_> = [&GET[..], &[("a", "b"); 6]].concat();
    for (fields, violation) in [
        (
            vec![GET[0], GET[1], (":path", &long), GET[3]],
            Violation::TargetTooLong,
        ),
        (many, Violation::TooManyFields),
        (
            [&GET[..], &[("a", long.as_str()); 5]].concat(),
            Violation::HeadTooLarge,
        ),
        (GET[..3].to_vec(), Violation::HostMissing),
        (
            vec![GET[0], GET[1], GET[2], (":authority", "a/b")],
            Violation::HostInvalid,
        ),
        (
            vec![GET[0], GET[1], (":path", "/#a"), GET[3]],
            Violation::TargetInvalid,
        ),
        (vec![("expect", "more")], Violation::ExpectationUnsupported),
        (
            vec![(":method", "CONNECT"), GET[3]],
            Violation::ConnectUnsupported,
        ),
    ] {
        let fields = match fields[0].0 {
            "expect" => with(&[("expect", "more")]),
            _ => fields,
        };
        assert_eq!(head_of(&fields, true), Err(HeadFault::Refused(violation)));
    }
}

/// An extended CONNECT (RFC 8441 section 4).
const TUNNEL: [(&str, &str); 5] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    GET[1],
    GET[2],
    GET[3],
];

#[test]
fn a_tunnel_has_a_target_and_no_body() {
    for has_ended in [false, true] {
        let (mut bytes, mut index) = (Vec::new(), HeadIndex::new());
        let limits = Limits::sample();
        let mut draft = HeadDraft::new(&mut bytes, &mut index, &limits, true);
        for (name, value) in TUNNEL {
            draft.take(name.as_bytes(), value.as_bytes());
        }
        draft.finish(has_ended).unwrap();
        assert_eq!(index.framing, BodyFraming::None);
        let head = RequestHead::new(&bytes, &index);
        assert_eq!((head.path(), head.query()), (&b"/a"[..], &b"b=c"[..]));
        assert!(crate::websocket::is_handshake(&head));
    }
}

#[test]
fn a_tunnel_that_is_none_is_malformed_or_for_nobody_here() {
    let without = |place: usize| {
        let mut fields = TUNNEL.to_vec();
        fields.remove(place);
        fields
    };
    let with_field = |field| [&TUNNEL[..], &[field]].concat();
    for malformed in [
        without(1),
        without(2),
        without(3),
        with_field((":protocol", "websocket")),
        with_field(("content-length", "0")),
        with_field(("upgrade", "websocket")),
        vec![TUNNEL[0], TUNNEL[1], GET[1], (":path", "*"), GET[3]],
        vec![TUNNEL[0], (":protocol", ""), GET[1], GET[2], GET[3]],
        with(&[]).into_iter().chain([TUNNEL[1]]).collect(),
    ] {
        let head = head_of(&malformed, false);
        assert_eq!(head, Err(HeadFault::Malformed), "{malformed:?}");
    }
    let other = vec![
        TUNNEL[0],
        (":protocol", "connect-udp"),
        GET[1],
        GET[2],
        GET[3],
    ];
    for (fields, violation) in [
        (other, Violation::ProtocolUnsupported),
        (without(4), Violation::HostMissing),
    ] {
        assert_eq!(head_of(&fields, false), Err(HeadFault::Refused(violation)));
    }
}

#[test]
fn a_server_that_takes_no_websockets_knows_no_protocol_field() {
    let (mut bytes, mut index) = (Vec::new(), HeadIndex::new());
    let limits = Limits::sample();
    let mut draft = HeadDraft::new(&mut bytes, &mut index, &limits, false);
    for (name, value) in TUNNEL {
        draft.take(name.as_bytes(), value.as_bytes());
    }
    assert_eq!(draft.finish(false), Err(HeadFault::Malformed));
}

#[test]
fn a_body_is_delimited_by_its_length_or_by_the_streams_end() {
    for (fields, has_ended, framing) in [
        (GET.to_vec(), true, BodyFraming::None),
        (with(&[("content-length", "0")]), true, BodyFraming::None),
        (
            with(&[("content-length", "5")]),
            false,
            BodyFraming::Length(5),
        ),
        (GET.to_vec(), false, BodyFraming::Chunked),
    ] {
        let (mut bytes, mut index) = (Vec::new(), HeadIndex::new());
        let limits = Limits::sample();
        let mut draft = HeadDraft::new(&mut bytes, &mut index, &limits, true);
        for (name, value) in &fields {
            draft.take(name.as_bytes(), value.as_bytes());
        }
        draft.finish(has_ended).unwrap();
        assert_eq!(index.framing, framing);
        assert_eq!(index.version, Version::Http2);
    }
}
