//! One request head: what is accepted is what the grammar allows, its framing is what its fields say, and writing it out
//! again gives the same request.

use std::sync::Arc;

use turbo_shard_protocol::{
    BodyFraming, Connection, Event, HeadCopy, Limits, Tick, Version, Workspace,
};

use crate::session::Asked;

const NOW: Tick = Tick::from_millis(0);

pub(crate) fn check(input: &[u8]) {
    let Some(asked) = read(input) else { return };
    check_parts(&asked, input);
    check_host(&asked);
    assert_eq!(asked.framing, framing_of(&asked));
    let mut again = read(&written(&asked)).expect("what was accepted is accepted again");
    // The authority of an absolute target has become the host.
    assert_eq!(again.target, asked.target);
    again.target.clone_from(&asked.target);
    assert_eq!(again, asked);
}

/// The head at the start of the input, if it is accepted.
fn read(input: &[u8]) -> Option<Asked> {
    let mut connection = Connection::new(Arc::new(Limits::sample()), NOW);
    connection.lend(Box::new(Workspace::new()));
    connection.receive(NOW, input);
    if connection.next_event(NOW) != Event::Head {
        return None;
    }
    let asked = Asked::of(&connection.request());
    let copy = HeadCopy::of(connection.request());
    assert_eq!(Asked::of(&copy.head()), asked, "a copy says something else");
    Some(asked)
}

fn check_parts(asked: &Asked, input: &[u8]) {
    let is_token = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte));
    assert!(is_token(&asked.method));
    let is_graph = |byte: &u8| byte.is_ascii_graphic() && *byte != b'#';
    assert!(asked.target.iter().all(is_graph));
    let is_path =
        matches!(asked.path[0], b'/') || (asked.path == b"*" && asked.method == b"OPTIONS");
    assert!(is_path && !asked.path.contains(&b'?'));
    let contains = |part: &[u8]| part.is_empty() || input.windows(part.len()).any(|at| at == part);
    assert!(contains(&asked.query) && contains(&asked.target));
    for (name, value) in &asked.headers {
        assert!(is_token(name));
        let is_plain = |&byte: &u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        assert!(value.iter().all(is_plain));
        assert!(!matches!(value.first(), Some(b' ' | b'\t')));
        assert!(!matches!(value.last(), Some(b' ' | b'\t')));
        assert!(contains(name) && contains(value));
    }
}

fn check_host(asked: &Asked) {
    let hosts = values(asked, b"host");
    match asked.version {
        Version::Http11 => assert_eq!(hosts.len(), 1),
        Version::Http10 => assert!(hosts.len() <= 1),
        Version::Http2 => unreachable!("no head of HTTP/1 says so"),
    }
    let may_be_in_a_host =
        |byte: &u8| byte.is_ascii_graphic() && !b"/?#@\\\"<>^`{|}".contains(byte);
    assert!(hosts.iter().all(|host| host.iter().all(may_be_in_a_host)));
}

/// What the fields say about the body, found in another way than the server's.
fn framing_of(asked: &Asked) -> BodyFraming {
    let lengths = values(asked, b"content-length");
    let codings = values(asked, b"transfer-encoding");
    match (&lengths[..], &codings[..]) {
        ([], []) => BodyFraming::None,
        ([length], []) => {
            assert!(length.iter().all(u8::is_ascii_digit));
            let length = std::str::from_utf8(length).expect("digits");
            BodyFraming::Length(length.parse().expect("it fits 64 bits"))
        }
        ([], [coding]) => {
            assert!(coding.eq_ignore_ascii_case(b"chunked"));
            assert_eq!(asked.version, Version::Http11);
            BodyFraming::Chunked
        }
        ambiguous => panic!("{ambiguous:?} was accepted"),
    }
}

fn values<'a>(asked: &'a Asked, name: &[u8]) -> Vec<&'a [u8]> {
    let lines = asked.headers.iter();
    lines
        .filter(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| &value[..])
        .collect()
}

/// The request as another client would write it.
fn written(asked: &Asked) -> Vec<u8> {
    let version = match asked.version {
        Version::Http10 => b"HTTP/1.0",
        Version::Http11 => b"HTTP/1.1",
        Version::Http2 => unreachable!("no head of HTTP/1 says so"),
    };
    let mut bytes = [
        &asked.method[..],
        b" ",
        &asked.target,
        b" ",
        version,
        b"\r\n",
    ]
    .concat();
    for (name, value) in &asked.headers {
        bytes.extend_from_slice(&[&name[..], b":", value, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// RFC 9110 section 5.6.2.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
