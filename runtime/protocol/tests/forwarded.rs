//! What fields of proxies mean: the table of cases, and what no client can do about it.

#[path = "driver/driver.rs"]
mod driver;

use std::net::IpAddr;

use driver::{at, connection};
use proptest::prelude::*;
use turbo_shard_protocol::forwarded::{Forwarded, Node};
use turbo_shard_protocol::{Event, Limits};

/// As the head of the table says.
fn trusts(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => matches!(ip.octets()[0], 10 | 127),
        IpAddr::V6(ip) => ip.is_loopback() || ip.octets()[0] == 0xfd,
    }
}

/// The fields that a head with these lines leads to, as the table writes them.
fn told(lines: &[&str]) -> String {
    let head = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n\r\n",
        lines.join("\r\n")
    );
    let mut connection = connection(Limits::sample());
    connection.receive(at(0), head.as_bytes());
    assert_eq!(connection.next_event(at(0)), Event::Head, "{head}");
    assert!(connection.request().is_forwarded(), "{head}");
    let Forwarded {
        client,
        is_secure,
        host,
        port,
        prefix,
    } = Forwarded::read(connection.request(), trusts);
    let client = client.map(|client| match client {
        Node::Address(IpAddr::V6(ip), port) => format!("client=[{ip}]:{port}"),
        Node::Address(ip, port) => format!("client={ip}:{port}"),
        Node::Unknown => String::from("client=unknown"),
    });
    let scheme = is_secure.map(|is_secure| match is_secure {
        true => String::from("scheme=https"),
        false => String::from("scheme=http"),
    });
    let host = host.map(|host| format!("host={}", String::from_utf8_lossy(host)));
    let port = port.map(|port| format!("port={port}"));
    let prefix = prefix.map(|prefix| format!("prefix={prefix}"));
    let words: Vec<_> = [client, scheme, host, port, prefix]
        .into_iter()
        .flatten()
        .collect();
    words.join(" ")
}

#[test]
fn cases_of_the_table_hold() {
    let mut cases = 0;
    for case in include_str!("forwarded_cases.txt").split("\n\n").skip(1) {
        let mut lines = case.lines().map(str::trim);
        let fact = lines.next().unwrap();
        let mut fields: Vec<_> = lines.collect();
        let expected = fields.pop().unwrap().strip_prefix("=>").unwrap().trim();
        assert_eq!(told(&fields), expected, "{fact}");
        cases += 1;
    }
    assert!(cases > 40, "{cases} cases were found");
}

#[test]
fn heads_without_such_fields_say_so() {
    for field in [
        "Accept-Encoding: br",
        "X-Forwarded: a",
        "X-Request: b",
        "If-Modified-Since: c",
    ] {
        let mut connection = connection(Limits::sample());
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
        connection.receive(at(0), head.as_bytes());
        assert_eq!(connection.next_event(at(0)), Event::Head);
        assert!(!connection.request().is_forwarded(), "{field}");
    }
}

#[test]
fn a_chain_without_end_is_read_as_far_as_the_bound() {
    let hops = (0..2000).map(|hop| format!("10.0.{}.{}", hop / 250, hop % 250));
    let hops: Vec<_> = hops.collect();
    let line = format!("X-Forwarded-For: {}", hops.join(","));
    assert_eq!(told(&[&line]), format!("client={}:0", hops[2000 - 64]));
    let elements: Vec<_> = hops.iter().map(|hop| format!("for={hop}")).collect();
    let line = format!("Forwarded: {}", elements.join(","));
    assert_eq!(told(&[&line]), format!("client={}:0", hops[2000 - 64]));
}

/// Text that breaks lists, quotes and addresses more often than chance would.
fn field_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just(","),
        Just(";"),
        Just("="),
        Just("\""),
        Just("\\"),
        Just(" "),
        Just("for="),
        Just("for=\""),
        Just("proto=https"),
        Just("host=a.b"),
        Just("10.0.0.1"),
        Just("127.0.0.1"),
        Just("203.0.113.9"),
        Just("[::1]:80"),
        Just("unknown"),
        Just("_x"),
        Just("/"),
        Just("/a"),
        Just("%"),
        Just("é"),
        Just("https"),
        Just("80"),
    ];
    proptest::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

fn field_line() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("Forwarded"),
        Just("X-Forwarded-For"),
        Just("X-Forwarded-Proto"),
        Just("X-Forwarded-Host"),
        Just("X-Forwarded-Port"),
        Just("X-Forwarded-Prefix"),
    ];
    (name, field_text()).prop_map(|(name, text)| format!("{name}: {text}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_is_sent_is_read(lines in proptest::collection::vec(field_line(), 1..8)) {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        told(&lines);
    }

    /// The proxy appends a line to what it was sent.
    #[test]
    fn nothing_that_a_client_sends_changes_what_an_appending_proxy_says(
        sent in proptest::collection::vec(field_line(), 0..8),
    ) {
        let own = ["X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: http", "X-Forwarded-Host: a.b",
            "X-Forwarded-Port: 81", "X-Forwarded-Prefix: /p"];
        let lines: Vec<_> = sent.iter().map(String::as_str).chain(own).collect();
        prop_assert_eq!(told(&lines), told(&own));
    }

    /// The proxy appends to the last line of what it was sent.
    #[test]
    fn nothing_in_front_of_a_list_changes_its_end(sent in field_text()) {
        let line = format!("X-Forwarded-For: {sent}, 203.0.113.7, 10.0.0.2");
        prop_assert_eq!(told(&[&line]), "client=203.0.113.7:0");
    }

    /// As far as the grammar lets a proxy append to a line at all: where the client's part breaks it, the client is
    /// unknown, and never somebody else.
    #[test]
    fn nothing_in_front_of_an_element_makes_another_client(sent in field_text()) {
        let line = format!("Forwarded: {sent}, for=203.0.113.7;proto=http;host=a.b");
        let told = told(&[&line]);
        let own = "client=203.0.113.7:0 scheme=http host=a.b";
        prop_assert!(told == own || told == "client=unknown", "{}", told);
    }
}
