//! Tests of `proxied.rs`, from the driver: what the service is shown, and when a connection is cut off.

use std::cell::RefCell;
use std::task::Waker;

use turbo_shard_protocol::websocket::{WebSocketLimits, WebSocketSettings};
use turbo_shard_protocol::{ChosenLines, Closing, HeaderLines, Limits};

use super::*;
use crate::connection_info::ListenerOptions;
use crate::edge::{Edge, EdgeConfig, TrustedPeers};
use crate::metrics::counters::Counters;
use crate::service::{Exchange, Outcome};
use crate::shard::clock::Clock;
use crate::shard::driver::Driver;

/// Notes whose each request is.
#[derive(Default)]
struct Seen(RefCell<Vec<ConnectionInfo>>);

impl Service for Seen {
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        self.0.borrow_mut().push(exchange.connection.clone());
        let lines = HeaderLines::of_json(None);
        exchange.response.whole(200, &lines, b"{}").unwrap();
        Outcome::Answered
    }
}

fn bench() -> Workbench<Seen> {
    let limits = Limits::sample();
    let counters = Arc::new(Counters::default());
    let config = EdgeConfig {
        trusted_peers: TrustedPeers::parse(&["127.0.0.1"]).unwrap(),
        ..EdgeConfig::default()
    };
    let edge = Edge::new(&config, &counters, None);
    let websocket = WebSocketLimits::new(WebSocketSettings::sample(), &limits);
    Workbench::new(
        Seen::default(),
        Arc::new(limits),
        Arc::new(websocket),
        counters,
        Clock::start(),
        edge,
        ChosenLines::default(),
    )
}

fn at(millis: u64) -> Tick {
    Tick::from_millis(millis)
}

fn driver(bench: &Workbench<Seen>, peer: &str) -> Driver {
    let listener = ListenerOptions {
        expects_proxy_protocol: true,
        ..ListenerOptions::default()
    };
    let end = |text: &str| Address::Tcp(text.parse().unwrap());
    let info = ConnectionInfo::fresh(end(peer), end("127.0.0.1:8000"), listener);
    Driver::new(bench, info, at(0))
}

fn receive<'a>(
    driver: &mut Driver,
    bench: &Workbench<Seen>,
    pieces: impl Iterator<Item = &'a [u8]>,
) {
    for piece in pieces {
        driver.receive(bench, at(1), piece);
        driver.advance(bench, at(1), Waker::noop());
    }
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const V1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 56789 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x19\xc0\0\x02\x01\xc0\0\x02\x02\xdd\xd5\x01\xbb\
    \x05\0\x02id\x20\0\x05\x01\0\0\0\0";

#[test]
fn requests_are_those_of_the_client_however_the_bytes_are_cut() {
    for header in [V1, V2] {
        let bytes = [header, REQUEST, REQUEST].concat();
        let two = (1..bytes.len()).map(|cut| vec![&bytes[..cut], &bytes[cut..]]);
        let ways = two.chain([vec![&bytes[..]], bytes.chunks(1).collect()]);
        for pieces in ways {
            let bench = bench();
            let mut driver = driver(&bench, "127.0.0.1:5");
            receive(&mut driver, &bench, pieces.into_iter());
            let seen = bench.service.0.borrow();
            assert_eq!(seen.len(), 2);
            for info in &*seen {
                assert_eq!(info.peer.to_string(), "192.0.2.1:56789");
                assert_eq!(info.local.to_string(), "192.0.2.2:443");
                let facts = info.proxy_facts.as_ref();
                assert_eq!(facts.is_some(), header == V2);
                assert_eq!(info.scheme == Scheme::Https, header == V2);
            }
            assert_eq!(driver.closing(), Closing::Open);
        }
    }
}

#[test]
fn the_proxys_own_connection_is_as_it_is() {
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let bench = bench();
        let mut driver = driver(&bench, "127.0.0.1:5");
        receive(&mut driver, &bench, [header, REQUEST].into_iter());
        assert_eq!(bench.service.0.borrow()[0].peer.to_string(), "127.0.0.1:5");
    }
}

#[test]
fn what_is_no_header_is_cut_off_without_an_answer() {
    for bytes in [REQUEST, b"PROXY TCP4 a b 1 2\r\n", b"\x16\x03\x01"] {
        let bench = bench();
        let mut driver = driver(&bench, "127.0.0.1:5");
        receive(&mut driver, &bench, bytes.chunks(1));
        assert_eq!(
            (driver.closing(), driver.output()),
            (Closing::Now, &b""[..])
        );
        assert!(!driver.wants_read());
        assert!(bench.service.0.borrow().is_empty());
    }
}

#[test]
fn a_peer_that_is_not_trusted_is_cut_off_before_its_first_byte() {
    let bench = bench();
    let mut driver = driver(&bench, "192.0.2.9:5");
    assert_eq!(driver.closing(), Closing::Now);
    receive(&mut driver, &bench, [V1, REQUEST].into_iter());
    assert!(bench.service.0.borrow().is_empty());
}

#[test]
fn a_header_has_the_time_of_a_head() {
    let bench = bench();
    let timeout = bench.limits.head_timeout_ms;
    for pieces in [vec![], V1[..20].chunks(1).collect::<Vec<_>>()] {
        let mut driver = driver(&bench, "127.0.0.1:5");
        receive(&mut driver, &bench, pieces.into_iter());
        assert_eq!(driver.next_deadline(), Some(at(timeout)));
        assert!(!driver.expire(&bench, at(timeout - 1)));
        assert!(driver.expire(&bench, at(timeout)));
    }
}

#[test]
fn an_end_before_the_header_is_an_end() {
    let bench = bench();
    for pieces in [vec![], vec![&V1[..20]]] {
        let mut driver = driver(&bench, "127.0.0.1:5");
        receive(&mut driver, &bench, pieces.into_iter());
        driver.receive_eof(&bench, at(1));
        assert_eq!(driver.closing(), Closing::Now);
    }
}
