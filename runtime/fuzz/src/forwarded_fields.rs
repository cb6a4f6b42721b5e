//! What fields of proxies mean: whatever a client has put to the left of what a trusted proxy wrote, the word that counts
//! stays the same, and it is always usable.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use turbo_shard_protocol::forwarded::{Forwarded, Node};
use turbo_shard_protocol::{Connection, Event, HeadCopy, Limits, Tick, Workspace};

const NOW: Tick = Tick::from_millis(0);

/// What nobody but the client has written.
const LIES: [&str; 4] = [
    "X-Forwarded-For: 198.51.100.66",
    "X-Forwarded-For: 10.0.0.1, unknown, \"",
    "Forwarded: for=198.51.100.66;host=liar.test;proto=https;by=_x",
    "Forwarded: for=10.0.0.1, for=\"",
];

/// The word, without borrowing the head.
#[derive(Debug, PartialEq, Eq)]
struct Word {
    client: Option<Node>,
    is_secure: Option<bool>,
    host: Option<Vec<u8>>,
    port: Option<u16>,
    prefix: Option<String>,
}

pub(crate) fn check(input: &[u8]) {
    let Some(head) = head_of(&[input]) else {
        return;
    };
    let word = word_of(&head);
    if !head.head().is_forwarded() {
        let nothing = Word {
            client: None,
            is_secure: None,
            host: None,
            port: None,
            prefix: None,
        };
        assert_eq!(word, nothing);
    }
    check_usable(&word);
    let stops_at_a_stranger = match word.client {
        Some(Node::Address(ip, _)) => !trusts(ip),
        Some(Node::Unknown) => true,
        None => false,
    };
    if stops_at_a_stranger {
        for lie in LIES.iter().filter(|lie| is_of_same_kind(lie, &head)) {
            let lying = head_of(&[lie.as_bytes(), input]).expect("one more field");
            assert_eq!(word_of(&lying), word, "{lie}");
        }
    }
}

/// The other kind of field is another story: X-Forwarded-* counts where there is any.
fn is_of_same_kind(lie: &str, head: &HeadCopy) -> bool {
    let counting = ["for", "proto", "host", "port"].map(|fact| format!("x-forwarded-{fact}"));
    let has_x = counting
        .iter()
        .any(|name| head.head().header(name).is_some());
    has_x == lie.starts_with('X')
}

/// A head with these lines, if it is one; longer than a client's by the lies.
fn head_of(lines: &[&[u8]]) -> Option<HeadCopy> {
    let limits = Limits {
        header_fields_max: 200,
        ..Limits::sample()
    };
    let mut connection = Connection::new(Arc::new(limits), NOW);
    connection.lend(Box::new(Workspace::new()));
    connection.receive(NOW, b"GET / HTTP/1.1\r\nHost: a\r\n");
    for lines in lines {
        for line in lines
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            connection.receive(NOW, &[line, b"\r\n"].concat());
        }
    }
    connection.receive(NOW, b"\r\n");
    let event = connection.next_event(NOW);
    (event == Event::Head).then(|| HeadCopy::of(connection.request()))
}

fn trusts(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => matches!(ip.octets()[0], 10 | 127),
        IpAddr::V6(ip) => ip.is_loopback() || ip.octets()[0] == 0xfd,
    }
}

fn word_of(head: &HeadCopy) -> Word {
    let looked_at = RefCell::new(Vec::new());
    let word = Forwarded::read(head.head(), |ip| {
        looked_at.borrow_mut().push(ip);
        trusts(ip)
    });
    // From hop to hop as long as they are trusted, and no further.
    if let Some((last, before)) = looked_at.take().split_last() {
        assert!(before.iter().copied().all(trusts));
        if let Some(Node::Address(ip, _)) = word.client {
            assert_eq!(ip, *last);
        }
    }
    Word {
        client: word.client,
        is_secure: word.is_secure,
        host: word.host.map(<[u8]>::to_vec),
        port: word.port,
        prefix: word.prefix,
    }
}

fn check_usable(word: &Word) {
    if let Some(host) = &word.host {
        let is_allowed = |byte: &u8| byte.is_ascii_graphic() && !b"/?#@\\\"<>^`{|}".contains(byte);
        assert!(!host.is_empty() && host[0] != b':' && host.iter().all(is_allowed));
    }
    assert_ne!(word.port, Some(0));
    if let Some(Node::Address(IpAddr::V6(ip), _)) = word.client {
        assert_eq!(ip.to_ipv4_mapped(), None);
    }
    if let Some(prefix) = word.prefix.as_ref().filter(|prefix| !prefix.is_empty()) {
        let is_path = prefix.starts_with('/') && !prefix.ends_with('/') && !prefix.contains("//");
        assert!(is_path && prefix.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(!prefix.contains(['?', '#', '"', '<', '>', '\\']));
    }
}
